"""What the AI shows on the archive's pages."""

from __future__ import annotations

from django.urls import reverse

from archive.access.selectors import may_label_any, may_review_any
from archive.portal import panels
from inference.portal.findings import findings_panel, study_statuses
from inference.portal.labelling import labels_panel
from inference.portal.starting import start_url
from inference.runs.notices import unseen_notice_count
from inference.similarity.searches.matches import unseen_match_count
from inference.similarity.suspicions.selectors import open_suspicion_count


def fill_portal() -> None:
    """Register panels, columns, buttons and entries; called once, when the program starts."""
    _fill_studies()
    _fill_bar()
    _fill_management()
    _fill_notices()


def _fill_studies() -> None:
    panels.register_study_panel(
        panels.StudyPanel(
            name="findings",
            title="Model results",
            template="similarity/_findings.html",
            context=findings_panel,
        )
    )
    panels.register_study_panel(
        panels.StudyPanel(
            name="labels",
            title="Labels",
            template="review/_labels_panel.html",
            context=labels_panel,
        )
    )
    panels.register_status_column(panels.StatusColumn(heading="AI", statuses=study_statuses))
    panels.register_case_action(
        panels.CaseAction(
            label="Find similar",
            icon="scan-search",
            key="similar",
            study_url=lambda uid: similar_url(study=uid),
            series_url=lambda uid: similar_url(series=uid),
        )
    )
    panels.register_series_action(
        panels.SeriesAction(
            label="Run a model",
            icon="cpu",
            series_url=lambda uid: start_url(series=uid),
            is_for=may_label_any,
        )
    )
    panels.register_viewer_marks(
        panels.ViewerMarks(
            series_url=lambda uid: reverse("inference_api:series-marks", args=(uid,))
        )
    )


def _fill_bar() -> None:
    panels.register_navigation_item(
        panels.NavigationItem(
            label="Similar", icon="scan-search", url_name="similarity:similar-page"
        )
    )
    panels.register_navigation_item(
        panels.NavigationItem(
            label="Review",
            icon="circle-check",
            url_name="worklist:review-list",
            is_for=may_review_any,
        )
    )
    # Annotators label and review nothing.
    panels.register_navigation_item(
        panels.NavigationItem(
            label="Labelling",
            icon="tag",
            url_name="worklist:labelling",
            is_for=lambda user: may_label_any(user) and not may_review_any(user),
        )
    )


def _fill_management() -> None:
    panels.register_management_item(
        panels.ManagementItem(label="Models", icon="library-big", url_name="models:model-list")
    )
    panels.register_management_item(
        panels.ManagementItem(label="Spaces", icon="layers", url_name="similarity:space-list")
    )
    panels.register_management_item(
        panels.ManagementItem(label="Runs", icon="cpu", url_name="runs:run-list")
    )
    panels.register_management_item(
        panels.ManagementItem(label="Routing", icon="share-2", url_name="runs:rule-list")
    )
    panels.register_management_item(
        panels.ManagementItem(
            label="Training", icon="graduation-cap", url_name="training:training-list"
        )
    )
    panels.register_management_item(
        panels.ManagementItem(label="Quality", icon="activity", url_name="similarity:quality")
    )
    panels.register_management_item(
        panels.ManagementItem(
            label="Checks",
            icon="copy-check",
            url_name="similarity:check-list",
            count=open_suspicion_count,
            what="suspected mix-ups",
        )
    )


def _fill_notices() -> None:
    panels.register_notice_item(
        panels.NoticeItem(
            label="Saved searches and their new matches",
            icon="bell",
            url_name="similarity:search-list",
            count=unseen_match_count,
        )
    )
    panels.register_notice_item(
        panels.NoticeItem(
            label="News of runs",
            icon="activity",
            url_name="runs:notices",
            count=unseen_notice_count,
        )
    )


def similar_url(**named: str) -> str:
    """Return the address of the similar page for an object."""
    return reverse("similarity:similar-page", query=named)

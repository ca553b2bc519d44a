"""What the AI shows on the archive's pages."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from archive.access.selectors import (
    is_site_radiology_admin,
    may_label_any,
    may_read_any,
    may_review_any,
)
from archive.notices.topics import register_topic
from archive.notices.types import Topic
from archive.portal import panels
from inference.portal.bulk_runs import register_bulk_runs
from inference.portal.dashboard import fill_dashboard
from inference.portal.finding_words import answers_in_words
from inference.portal.findings import findings_panel, review_statuses, study_statuses
from inference.portal.labelling import labels_panel
from inference.portal.preview import similar_preview
from inference.portal.starting import start_url
from inference.runs.drift import DRIFT
from inference.runs.notices import RUNS
from inference.similarity.searches.matches import MATCHES
from inference.similarity.suspicions.selectors import open_suspicion_count


def fill_portal() -> None:
    """Register panels, columns, buttons and entries; called once, when the program starts."""
    _fill_studies()
    _fill_bar()
    _fill_management()
    _fill_notices()
    fill_dashboard()
    register_bulk_runs()


def _fill_studies() -> None:
    panels.register_study_panel(
        panels.StudyPanel(
            name="findings",
            title=_("Model results"),
            template="similarity/_findings.html",
            context=findings_panel,
        )
    )
    panels.register_study_panel(
        panels.StudyPanel(
            name="labels",
            title=_("Labels"),
            template="review/_labels_panel.html",
            context=labels_panel,
            place=80,
        )
    )
    panels.register_study_panel(
        panels.StudyPanel(
            name="similar",
            title=_("Similar cases"),
            template="similarity/_preview.html",
            context=similar_preview,
            is_lazy=True,
            place=60,
            awaited="similarity/_preview_awaited.html",
            act="similar",
        )
    )
    panels.register_status_column(panels.StatusColumn(heading=_("AI"), statuses=study_statuses))
    panels.register_status_column(
        panels.StatusColumn(heading=_("Review"), statuses=review_statuses)
    )
    panels.register_case_action(
        panels.CaseAction(
            label=_("Find similar"),
            icon="scan-search",
            key="similar",
            study_url=lambda uid: similar_url(study=uid),
            series_url=lambda uid: similar_url(series=uid),
        )
    )
    panels.register_series_action(
        panels.SeriesAction(
            label=_("Run a model"),
            icon="cpu",
            series_url=lambda uid: start_url(series=uid),
            is_for=may_label_any,
        )
    )
    panels.register_viewer_marks(
        panels.ViewerMarks(
            series_url=lambda uid: reverse("inference_api:series-marks", args=(uid,)),
            words=answers_in_words,
        )
    )


def _fill_bar() -> None:
    panels.register_navigation_item(
        panels.NavigationItem(
            label=_("Similar"),
            icon="scan-search",
            url_name="similarity:similar-page",
            is_for=may_read_any,
        )
    )
    panels.register_navigation_item(
        panels.NavigationItem(
            label=_("Review"),
            icon="circle-check",
            url_name="worklist:review-list",
            is_for=may_review_any,
        )
    )
    # Annotators label and review nothing.
    panels.register_navigation_item(
        panels.NavigationItem(
            label=_("Labelling"),
            icon="tag",
            url_name="worklist:labelling",
            is_for=lambda user: may_label_any(user) and not may_review_any(user),
        )
    )


def _fill_management() -> None:
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Models"),
            group="ai",
            hint=_("Versions, their tests, who trusts them, which are in use."),
            icon="library-big",
            url_name="models:model-list",
        )
    )
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Spaces"),
            group="ai",
            hint=_("What similar cases are searched by."),
            icon="layers",
            url_name="similarity:space-list",
        )
    )
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Runs"),
            group="ai",
            hint=_("What models did, and what waits."),
            icon="cpu",
            url_name="runs:run-list",
        )
    )
    _fill_learning()


def _fill_learning() -> None:
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Routing"),
            group="ai",
            hint=_("Which models run on what arrives."),
            icon="share-2",
            url_name="runs:rule-list",
        )
    )
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Training"),
            group="ai",
            hint=_("Models that learn from labels."),
            icon="graduation-cap",
            url_name="training:training-list",
        )
    )
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Quality"),
            group="ai",
            hint=_("How well search finds what is alike."),
            icon="activity",
            url_name="similarity:quality",
        )
    )
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Checks"),
            group="ai",
            hint=_("Suspected mix-ups of patients."),
            icon="copy-check",
            url_name="similarity:check-list",
            count=open_suspicion_count,
            what=_("suspected mix-ups"),
        )
    )


def _fill_notices() -> None:
    register_topic(
        Topic(MATCHES, _("Saved searches"), _("New cases that they find."), icon="scan-search")
    )
    register_topic(
        Topic(
            RUNS,
            _("Runs of models"),
            _("Which ones, webhooks and mail: see “News of runs”."),
            icon="cpu",
            is_mailed=False,
        )
    )
    register_topic(
        Topic(
            DRIFT,
            _("Drifting models"),
            _("What a model gets or says is no longer what it was."),
            icon="activity",
            is_for=is_site_radiology_admin,
        )
    )
    panels.register_notice_link(panels.NoticeLink(_("News of runs"), "runs:notices"))


def similar_url(**named: str) -> str:
    """Return the address of the similar page for an object."""
    return reverse("similarity:similar-page", query=named)

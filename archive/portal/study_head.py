"""What stands above every page of a study: who it is, what can be done with it, its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from archive.access.study_roles import TRAIL_ROLES
from archive.curation.selectors import is_removable
from archive.portal import panels

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser
    from archive.query.study_overview import StudyOverview


def study_head(user: AnyUser, overview: StudyOverview, tab: str) -> dict[str, Any]:
    """Return the context of `portal/_study_head.html`; ``tab`` is the page that is open."""
    study_uid = overview.study.study_uid
    return {
        "overview": overview,
        "actions": list(panels.case_actions.values()),
        "study_actions": _study_actions(user, study_uid),
        "may_delete": is_removable(user, study_uid),
        "tab": tab,
        "tabs": _tabs(overview, study_uid),
    }


def _study_actions(user: AnyUser, study_uid: str) -> list[dict[str, str]]:
    return [
        {"label": str(action.label), "icon": action.icon, "url": action.url(study_uid)}
        for action in panels.study_actions.values()
        if action.is_for(user, study_uid)
    ]


def _tabs(overview: StudyOverview, study_uid: str) -> list[dict[str, str]]:
    pages = [
        ("images", _("Images"), "study-detail", True),
        ("tags", _("DICOM tags"), "study-tags", True),
        ("download", _("Download"), "study-download", overview.may_export),
        ("history", _("Who opened it"), "study-history", bool(overview.roles & TRAIL_ROLES)),
    ]
    return [
        {"key": key, "label": label, "url": reverse(f"portal:{name}", args=(study_uid,))}
        for key, label, name, is_shown in pages
        if is_shown
    ]

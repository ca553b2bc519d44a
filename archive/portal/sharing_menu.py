"""Where sharing, emergencies and the audit trail are found: filled in as the program starts."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from archive.access.audit_search import may_read_trail
from archive.access.break_glass import may_review_emergencies
from archive.access.selectors import is_radiology_admin, may_review_any
from archive.portal import panels


def _share_url(study_uid: str) -> str:
    return reverse("portal:study-sharing", args=(study_uid,))


def register_sharing() -> None:
    """Register the entries."""
    # Whether it is their role in this study is asked when they go there.
    panels.register_study_action(
        panels.StudyAction(
            name="share",
            label=_("Share"),
            icon="users",
            url=_share_url,
            is_for=lambda user, _study_uid: may_review_any(user),
        )
    )
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Links"),
            icon="link",
            url_name="portal:share-list",
            is_for=is_radiology_admin,
            group="people",
            hint=_("What people outside see, and until when."),
        )
    )
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Emergencies"),
            icon="shield-alert",
            url_name="portal:emergency-list",
            is_for=may_review_emergencies,
            group="people",
            hint=_("Patients opened outside of the asker's own projects, and their review."),
        )
    )
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Audit"),
            icon="list",
            url_name="portal:audit",
            is_for=may_read_trail,
            group="people",
            hint=_("Who did what, when and from where."),
        )
    )

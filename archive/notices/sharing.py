"""Who is told of studies shown to them, and of patients opened in an emergency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from archive.models import BreakGlass, Membership, StudyGrant
from archive.models.access import Role
from archive.notices.audiences import radiology_admins_of
from archive.notices.services import tell
from archive.notices.topics import EMERGENCY, SHARES

if TYPE_CHECKING:
    from archive.events.types import EmergenciesBegan, StudiesGranted


def tell_of_grants(event: StudiesGranted) -> None:
    """Tell an account that a study was shown to it."""
    rows = StudyGrant.objects.select_related("study").filter(
        pk__in=event.grant_ids, revoked_at__isnull=True
    )
    for row in rows:
        tell(
            [row.user_id],
            SHARES,
            _("A study was shared with you"),
            f"/studies/{row.study.study_instance_uid}/",
            key=f"grant-{row.pk}",
            study_id=row.study_id,
        )


def tell_of_emergencies(event: EmergenciesBegan) -> None:
    """Tell those who answer for the patient's projects, beside the asker."""
    for row in BreakGlass.objects.select_related("user").filter(pk__in=event.emergency_ids):
        projects = set(row.patient.studies.order_by().values_list("projects", flat=True)) - {None}
        told = {*radiology_admins_of(projects), *_auditors_of(projects)} - {row.user_id}
        tell(
            told,
            EMERGENCY,
            _("A patient was opened in an emergency"),
            "/emergencies/",
            key=f"emergency-{row.pk}",
        )


def _auditors_of(projects: set[int]) -> set[int]:
    rows = Membership.objects.filter(role=Role.AUDITOR, user__is_active=True)
    return {
        user
        for user, project in rows.values_list("user_id", "project_id")
        if project is None or project in projects
    }

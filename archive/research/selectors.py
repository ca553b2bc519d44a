"""What pages of research show, inside the asker's rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count

from archive.access.selectors import is_radiology_admin
from archive.errors import NotAllowedError
from archive.models import Patient, ResearchDecision, Study
from archive.models.querysets import DELETED
from archive.research.copying import copy_projects

if TYPE_CHECKING:
    from datetime import datetime

    from archive.models.querysets import AnyUser

_MOST = 50


@dataclass(frozen=True)
class ResearchProject:
    """A project where researchers work, and how much is in it."""

    name: str
    slug: str
    studies: int
    patients: int


@dataclass(frozen=True)
class DecisionLine:
    """What a patient said about research, and a study to find it by."""

    is_refused: bool
    reason: str
    by: str
    at: datetime
    patient_name: str
    patient_id: str
    study_uid: str


def may_keep_research(user: AnyUser) -> bool:
    """Whether the user keeps what is about research: radiology admins."""
    return is_radiology_admin(user)


def research_projects(user: AnyUser) -> list[ResearchProject]:
    """Return the de-identified projects that the user administers.

    Raises
    ------
    NotAllowedError
        The user is no radiology admin.
    """
    if not may_keep_research(user):
        raise NotAllowedError("Only radiology admins keep what is about research.")
    links = Study.projects.through.objects.filter(project__in=copy_projects(user))
    counts = links.exclude(study__withheld=DELETED).values("project_id")
    found: dict[int, Any] = {
        row["project_id"]: row
        for row in counts.annotate(
            studies=Count("study_id"), patients=Count("study__patient_id", distinct=True)
        ).order_by()
    }
    return [
        ResearchProject(
            name=one.name,
            slug=one.slug,
            studies=found.get(one.pk, {}).get("studies", 0),
            patients=found.get(one.pk, {}).get("patients", 0),
        )
        for one in copy_projects(user)
    ]


def recent_decisions(user: AnyUser) -> list[DecisionLine]:
    """Return what patients of whom the user sees a study said, newest first."""
    seen = Patient.objects.visible_to(user)
    rows = ResearchDecision.objects.filter(patient__in=seen).select_related("patient", "decided_by")
    found = list(rows.order_by("-pk")[:_MOST])
    studies = Study.objects.visible_to(user).filter(patient__in=[row.patient_id for row in found])
    uids = dict(studies.order_by("pk").values_list("patient_id", "study_instance_uid"))
    return [
        DecisionLine(
            is_refused=row.is_refused,
            reason=row.reason,
            by=row.decided_by.get_username() if row.decided_by else "",
            at=row.decided_at,
            patient_name=row.patient.patient_name,
            patient_id=row.patient.dicom_patient_id,
            study_uid=uids.get(row.patient_id, ""),
        )
        for row in found
    ]

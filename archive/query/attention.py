"""What waits for a radiology admin: refused files, and patients whose identity is in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet

from archive.access.selectors import is_radiology_admin, require_radiology_admin
from archive.models import Membership, Patient, Quarantine, Role, Study

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from archive.models.querysets import AnyUser


@dataclass(frozen=True)
class QuarantineRow:
    """Something that came and could not be archived."""

    key: int
    reason_code: str
    reason: str
    door: str
    source: str
    actor: str
    original_name: str
    study_uid: str
    size_bytes: int
    received_at: datetime


@dataclass(frozen=True)
class IdentitySide:
    """What one of two rows under the same Patient ID says of the patient."""

    patient_name: str
    birth_date: date | None
    sex: str
    study_uids: tuple[str, ...]


@dataclass(frozen=True)
class IdentityConflict:
    """Two descriptions of a patient under one Patient ID, kept apart."""

    patient_id: str
    issuer: str
    known: IdentitySide
    other: IdentitySide
    differing: frozenset[str]
    noticed_at: datetime


def quarantine_page(
    user: AnyUser, *, page: int = 1, page_size: int = 50
) -> tuple[list[QuarantineRow], int]:
    """Return open quarantine entries, newest first, and how many there are.

    Parameters
    ----------
    user
        a radiology admin; entries of projects outside their role are left out
    page
        from 1
    page_size
        rows a page

    Returns
    -------
    rows of the page, and the number of all open entries in the user's rights

    Raises
    ------
    NotAllowedError
        The user is no radiology admin.
    """
    require_radiology_admin(user)
    entries = _open_quarantine(user)
    start = (max(1, page) - 1) * page_size
    rows = entries.select_related("actor")[start : start + page_size]
    return [_quarantine_row(entry) for entry in rows], entries.count()


def identity_conflicts(user: AnyUser, *, limit: int = 200) -> list[IdentityConflict]:
    """Return patients whose name, birth date or sex contradict what their Patient ID says.

    Parameters
    ----------
    user
        a radiology admin; only patients with a study in their rights are given
    limit
        how many at most

    Returns
    -------
    pairs, newest first

    Raises
    ------
    NotAllowedError
        The user is no radiology admin.
    """
    require_radiology_admin(user)
    others = list(_conflicting(user).select_related("conflict_of").order_by("-pk")[:limit])
    keys = {patient.pk for patient in others} | {patient.conflict_of_id for patient in others}
    studies: dict[int, list[str]] = {}
    seen = Study.objects.visible_to(user).filter(patient_id__in=keys)
    for patient_key, uid in seen.values_list("patient_id", "study_instance_uid"):
        studies.setdefault(patient_key, []).append(uid)
    return [_conflict(patient, lambda key: tuple(studies.get(key, ()))) for patient in others]


def attention_counts(user: AnyUser) -> dict[str, int]:
    """Return how much waits for the user, for the badges of the navigation.

    Parameters
    ----------
    user
        anybody

    Returns
    -------
    ``quarantine`` and ``identity``; empty for those who are no radiology admins
    """
    if not is_radiology_admin(user):
        return {}
    return {
        "quarantine": _open_quarantine(user).count(),
        "identity": _conflicting(user).aggregate(number=Count("pk"))["number"],
    }


def _open_quarantine(user: AnyUser) -> QuerySet[Quarantine]:
    held = Membership.objects.filter(user_id=user.pk, role=Role.RADIOLOGY_ADMIN)
    entries = Quarantine.objects.filter(resolved_at__isnull=True)
    if held.filter(project__isnull=True).exists():
        return entries
    return entries.filter(Q(project__isnull=True) | Q(project__in=held.values("project")))


def _conflicting(user: AnyUser) -> QuerySet[Patient]:
    visible: QuerySet[Patient] = Patient.objects.visible_to(user)
    return visible.filter(conflict_of__isnull=False)


def _quarantine_row(entry: Quarantine) -> QuarantineRow:
    return QuarantineRow(
        key=entry.pk,
        reason_code=entry.reason_code,
        reason=entry.reason,
        door=entry.door,
        source=entry.source,
        actor=entry.actor.get_username() if entry.actor else "",
        original_name=entry.original_name,
        study_uid=entry.study_instance_uid,
        size_bytes=entry.size_bytes,
        received_at=entry.received_at,
    )


def _conflict(patient: Patient, studies_of: Callable[[int], tuple[str, ...]]) -> IdentityConflict:
    known = patient.conflict_of
    assert known is not None  # noqa: S101 the query asked for it
    fields = ("patient_name", "patient_birth_date", "patient_sex")
    return IdentityConflict(
        patient_id=patient.dicom_patient_id,
        issuer=patient.issuer_of_patient_id,
        known=_side(known, studies_of(known.pk)),
        other=_side(patient, studies_of(patient.pk)),
        differing=frozenset(
            name for name in fields if getattr(known, name) != getattr(patient, name)
        ),
        noticed_at=patient.created_at,
    )


def _side(patient: Patient, study_uids: tuple[str, ...]) -> IdentitySide:
    return IdentitySide(
        patient_name=patient.patient_name,
        birth_date=patient.patient_birth_date,
        sex=patient.patient_sex,
        study_uids=study_uids,
    )

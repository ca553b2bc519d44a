"""Patients whose identity is in doubt: two descriptions under one Patient ID, kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.access.selectors import require_radiology_admin
from archive.models import Patient, Study

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser


@dataclass(frozen=True)
class IdentitySide:
    """What one of two rows under the same Patient ID says of the patient."""

    patient_name: str
    birth_date: date | None
    sex: str
    study_uids: tuple[str, ...]


@dataclass(frozen=True)
class IdentityConflict:
    """Two descriptions of a patient under one Patient ID, kept apart.

    ``known`` is None, and nothing differs, where all its studies are outside the asker's rights.
    """

    key: int
    patient_id: str
    issuer: str
    known: IdentitySide | None
    other: IdentitySide
    differing: frozenset[str]
    noticed_at: datetime


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


def identity_conflict_count(user: AnyUser) -> int:
    """Return how many patients' identity is in doubt.

    Parameters
    ----------
    user
        only patients with a study in their rights are counted

    Returns
    -------
    number of rows kept apart from what their Patient ID stands for
    """
    return _conflicting(user).count()


def _conflicting(user: AnyUser) -> QuerySet[Patient]:
    visible: QuerySet[Patient] = Patient.objects.visible_to(user)
    return visible.filter(conflict_of__isnull=False)


def _conflict(patient: Patient, studies_of: Callable[[int], tuple[str, ...]]) -> IdentityConflict:
    known = patient.conflict_of
    assert known is not None  # noqa: S101 the query asked for it
    fields = ("patient_name", "patient_birth_date", "patient_sex")
    known_studies = studies_of(known.pk)
    differing = [name for name in fields if getattr(known, name) != getattr(patient, name)]
    return IdentityConflict(
        key=patient.pk,
        patient_id=patient.dicom_patient_id,
        issuer=patient.issuer_of_patient_id,
        known=_side(known, known_studies) if known_studies else None,
        other=_side(patient, studies_of(patient.pk)),
        differing=frozenset(differing if known_studies else ()),
        noticed_at=patient.created_at,
    )


def _side(patient: Patient, study_uids: tuple[str, ...]) -> IdentitySide:
    return IdentitySide(
        patient_name=patient.patient_name,
        birth_date=patient.patient_birth_date,
        sex=patient.patient_sex,
        study_uids=study_uids,
    )

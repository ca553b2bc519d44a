"""Patients kept apart because two descriptions came under one ID: decided by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext

from archive.corrections.patients import edit_patient, merge_patients
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import Patient

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models import Correction

KNOWN, LATER = "known", "later"


def decide_same(*, asker: Asker, patient_id: int, keeps: str, reason: str) -> Correction:
    """Say that both descriptions are of one person.

    Parameters
    ----------
    asker
        a radiology admin of all projects concerned
    patient_id
        key of the row that was kept apart
    keeps
        which description is right: ``known`` or ``later``
    reason
        in a person's words

    Raises
    ------
    NotVisibleError, NotAllowedError
        There is no such patient for them, or not theirs to correct.
    InvalidRequestError
        It is not said which description is right, or no reason is given.
    """
    known = _known(asker, patient_id)
    if keeps not in {KNOWN, LATER}:
        raise InvalidRequestError(gettext("Say which description is right."), code="nothing-chosen")
    source, target = (patient_id, known) if keeps == KNOWN else (known, patient_id)
    return merge_patients(asker=asker, source_id=source, target_id=target, reason=reason)


def decide_different(*, asker: Asker, patient_id: int, new_id: str, reason: str) -> Correction:
    """Say that they are two persons: the one that came later gets an ID of their own.

    Parameters
    ----------
    asker, patient_id, reason
        as for `decide_same`
    new_id
        the Patient ID that is theirs
    """
    _known(asker, patient_id)
    if not new_id.strip():
        raise InvalidRequestError(gettext("Say which Patient ID is theirs."), code="nothing-chosen")
    return edit_patient(
        asker=asker, patient_id=patient_id, values={"PatientID": new_id}, reason=reason
    )


def _known(asker: Asker, patient_id: int) -> int:
    seen = Patient.objects.visible_to(asker.user or AnonymousUser())
    rows = seen.filter(pk=patient_id, conflict_of__isnull=False)
    found = rows.values_list("conflict_of", flat=True).first()
    if found is None:
        raise NotVisibleError("There is no such patient.")
    return int(found)

"""Patients as the hospital's other systems name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.corrections.fields import PATIENT, checked_values, columns_of, row_values
from archive.models import Patient, PatientAlias, ScheduledStep
from archive.scheduling.selectors import OPEN_STATES

if TYPE_CHECKING:
    from collections.abc import Mapping


def find_patient(dicom_patient_id: str, issuer: str, *, is_exact: bool = False) -> Patient | None:
    """Return the patient of an ID: as its issuer's, else as nobody's in particular.

    Objects often leave out the issuer that messages always name. IDs that a merge or correction
    took away find the patient who had them.

    Parameters
    ----------
    dicom_patient_id, issuer
        as the message says
    is_exact
        mean nobody but the issuer's patient
    """
    for name in dict.fromkeys((issuer,) if is_exact else (issuer, "")):
        given = {"dicom_patient_id": dicom_patient_id, "issuer_of_patient_id": name}
        rows = Patient.objects.filter(**given, merged_into__isnull=True, conflict_of__isnull=True)
        found: Patient | None = rows.first()
        if found is None:
            aliases = PatientAlias.objects.select_related("patient").filter(**given, is_active=True)
            alias = aliases.first()
            found = alias.patient if alias else None
        if found is not None:
            return found
    return None


def has_same_values(patient: Patient, values: Mapping[str, str]) -> bool:
    """Whether a patient says already what is given."""
    known = row_values(PATIENT, patient)
    checked = checked_values(PATIENT, values)
    return all(known[keyword] == value for keyword, value in checked.items())


def update_open_orders(dicom_patient_id: str, issuer: str, values: Mapping[str, str]) -> bool:
    """Correct the patient of examinations to come; whether there were any."""
    columns = columns_of(PATIENT, checked_values(PATIENT, values))
    rows = ScheduledStep.objects.filter(
        dicom_patient_id=dicom_patient_id,
        issuer_of_patient_id__in={issuer, ""},
        state__in=OPEN_STATES,
    )
    return bool(columns) and bool(rows.update(**columns))

"""Patients: what is said of them, and two that are one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from archive.corrections.fields import (
    PATIENT,
    attributes_of,
    checked_values,
    columns_of,
    row_values,
)
from archive.corrections.finding import (
    checked_reason,
    locked_patients,
    locked_studies_of,
    require_administered,
)
from archive.corrections.recording import (
    announce,
    end_anonymity,
    record_correction,
    remember_in_studies,
)
from archive.corrections.transactions import in_one_transaction
from archive.errors import InvalidRequestError, StateConflictError
from archive.ingest.following import identity_of
from archive.models import Correction, Patient, PatientAlias, Study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.audit.types import Asker

_TAKEN = "Another patient has this ID: merge the two instead."


@in_one_transaction
def edit_patient(
    *, asker: Asker, patient_id: int, values: Mapping[str, str], reason: str
) -> Correction:
    """Correct a patient's name, ID, issuer, birth date or sex, in all their studies.

    Parameters
    ----------
    asker
        a radiology admin of all projects that hold studies of the patient
    patient_id
        key of the patient
    values
        keyword to value, as `checked_values` takes them
    reason
        in a person's words

    Raises
    ------
    NotVisibleError
        There is no such patient for them.
    NotAllowedError
        Some of the patient's studies are not theirs to correct.
    InvalidRequestError
        A value is none, nothing changes, or no reason is given.
    StateConflictError
        Another patient has this ID.
    """
    checked_reason(reason)
    patient = locked_patients(asker, [patient_id])[patient_id]
    studies = locked_studies_of(patient)
    require_administered(asker, [study.pk for study in studies])
    known = row_values(PATIENT, patient)
    checked = checked_values(PATIENT, values)
    changed = {keyword: value for keyword, value in checked.items() if value != known[keyword]}
    if not changed:
        raise InvalidRequestError(gettext("Nothing is changed."), code="nothing-changed")
    former = identity_of(patient)
    before: dict[str, Any] = {
        "identities": [former],
        "values": {keyword: known[keyword] for keyword in changed},
        "conflict_of": patient.conflict_of_id,
    }
    is_renamed = bool({"PatientID", "IssuerOfPatientID"} & set(changed))
    before["closed_aliases"] = _write_patient(patient, changed, is_renamed=is_renamed)
    correction = record_correction(
        asker,
        Correction.Kind.PATIENT_EDIT,
        reason,
        about=patient,
        subject={"patients": [patient.pk]},
        before=before,
        after={"attributes": attributes_of(PATIENT, changed), "values": changed},
    )
    if is_renamed:
        _keep_resolving(former, patient, correction)
    remember_in_studies(correction, studies, lambda _study: former)
    announce(study.pk for study in studies)
    return correction


@in_one_transaction
def merge_patients(*, asker: Asker, source_id: int, target_id: int, reason: str) -> Correction:
    """Say that two patients are one: the first one's studies go to the second.

    The ID that is taken away keeps finding the patient that is left, also where something new
    arrives under it.

    Parameters
    ----------
    asker
        a radiology admin of all projects that hold studies of either
    source_id, target_id
        keys of the patient that goes and of the one that stays
    reason
        in a person's words

    Raises
    ------
    NotVisibleError
        One of them is not there, not for this user, or was merged before.
    NotAllowedError
        Some of their studies are not theirs to correct.
    InvalidRequestError
        They are the same, or no reason is given.
    """
    checked_reason(reason)
    if source_id == target_id:
        raise InvalidRequestError(
            gettext("A patient can't be merged into itself."), code="same-patient"
        )
    rows = locked_patients(asker, [source_id, target_id])
    source, target = rows[source_id], rows[target_id]
    studies = locked_studies_of(source)
    kept = target.studies.values_list("pk", flat=True)
    require_administered(asker, [*(study.pk for study in studies), *kept])
    former = identity_of(source)
    aliases = source.aliases.filter(is_active=True)
    before: dict[str, Any] = {
        "identities": [former, *_former_identities(source)],
        "aliases": list(aliases.values_list("pk", flat=True)),
        "conflicts": list(source.conflicts.exclude(pk=target.pk).values_list("pk", flat=True)),
        "source_conflict_of": source.conflict_of_id,
        "target_conflict_of": target.conflict_of_id,
    }
    values = row_values(PATIENT, target)
    correction = record_correction(
        asker,
        Correction.Kind.PATIENT_MERGE,
        reason,
        about=target,
        subject={"patients": [source.pk, target.pk]},
        before=before,
        after={"attributes": attributes_of(PATIENT, values), "values": values},
    )
    aliases.update(patient=target)
    Patient.objects.filter(pk__in=before["conflicts"]).update(conflict_of=target)
    source.merged_into, source.conflict_of = target, None
    source.save(update_fields=["merged_into", "conflict_of"])
    if target.conflict_of_id == source.pk:
        target.conflict_of = None
        target.save(update_fields=["conflict_of"])
    if _id_of(former) != _id_of(identity_of(target)):
        _keep_resolving(former, target, correction)
    end_anonymity(correction, studies, target)
    Study.objects.filter(pk__in=[study.pk for study in studies]).update(patient=target)
    remember_in_studies(correction, studies, lambda _study: former)
    announce(study.pk for study in studies)
    return correction


def _write_patient(patient: Patient, changed: Mapping[str, str], *, is_renamed: bool) -> list[int]:
    """Write the columns; return the aliases that the new ID takes the place of."""
    columns = columns_of(PATIENT, changed)
    for name, value in columns.items():
        setattr(patient, name, value)
    closed: list[int] = []
    if is_renamed:
        own = PatientAlias.objects.filter(
            dicom_patient_id=patient.dicom_patient_id,
            issuer_of_patient_id=patient.issuer_of_patient_id,
            is_active=True,
        )
        if own.exclude(patient=patient).exists():
            raise StateConflictError(_TAKEN, code="patient-exists")
        closed = list(own.values_list("pk", flat=True))
        own.update(is_active=False)
        patient.conflict_of = None
    try:
        with transaction.atomic():
            patient.save(update_fields=[*columns, "conflict_of"])
    except IntegrityError as error:
        raise StateConflictError(_TAKEN, code="patient-exists") from error
    return closed


def _keep_resolving(former: Mapping[str, Any], patient: Patient, correction: Correction) -> None:
    """Let the ID that went away find the patient, unless somebody else has it still."""
    identifier, issuer = _id_of(former)
    others = Patient.objects.filter(
        dicom_patient_id=identifier,
        issuer_of_patient_id=issuer,
        merged_into__isnull=True,
        conflict_of__isnull=True,
    )
    if identifier and not others.exclude(pk=patient.pk).exists():
        PatientAlias.objects.create(
            dicom_patient_id=identifier,
            issuer_of_patient_id=issuer,
            patient=patient,
            correction=correction,
        )


def _former_identities(patient: Patient) -> list[Mapping[str, Any]]:
    rows = Correction.objects.filter(
        patient=patient,
        kind__in=[Correction.Kind.PATIENT_EDIT, Correction.Kind.PATIENT_MERGE],
        undone_at__isnull=True,
    )
    found = rows.order_by("pk").values_list("before", flat=True)
    return [identity for before in found for identity in before.get("identities", ())]


def _id_of(identity: Mapping[str, Any]) -> tuple[str, str]:
    return identity["dicom_patient_id"], identity["issuer_of_patient_id"]

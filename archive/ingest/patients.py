"""Whose study it is: Patient ID with its issuer, and never merged silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Q

from archive.errors import StorageError
from archive.ingest.following import active_alias, corrected_patient
from archive.models import Patient

if TYPE_CHECKING:
    from archive.dicom.attributes import PatientAttributes
    from archive.ingest.joining import Newcomer

_ATTEMPTS = 5


def find_or_create_patient(newcomer: Newcomer) -> Patient:
    """Return the row of the patient that a new study names.

    Without a Patient ID nothing says that two studies are of one person: each gets a row of its
    own. A known row under the ID is joined where name, birth date and sex don't contradict it, and
    who stores sees that patient, or says all that is known of them; never one of studies without
    identity by a study with one, or the other way round (`archive.ingest.joining`). Else the study
    goes to a row kept apart, which a radiology admin sees (``conflict_of``). What a correction
    took away, an ID or a name, finds the patient that it stands for now, under the same rule.

    Parameters
    ----------
    newcomer
        the patient as the study's first instance names them, and from whom it comes

    Returns
    -------
    Patient, locked for this transaction where it existed
    """
    attributes = newcomer.attributes
    if not attributes.dicom_patient_id:
        return _create(attributes, conflict_of=None)
    known, stands_for = _locked_rows(attributes)
    agreeing = next(
        (row for row in known if agrees(row, attributes) and newcomer.may_join(row)), None
    )
    if agreeing is not None and stands_for is None:
        if _lacking(agreeing, attributes) and newcomer.may_fill_in(agreeing):
            _fill_in(agreeing, attributes)
        return agreeing
    corrected = corrected_patient(attributes, known, stands_for)
    if corrected is not None and newcomer.may_follow(corrected):
        return corrected
    if agreeing is not None:
        return agreeing
    if not known and stands_for is None:
        return _create_first(newcomer)
    return _create(attributes, conflict_of=known[0] if known else stands_for)


def _locked_rows(attributes: PatientAttributes) -> tuple[list[Patient], Patient | None]:
    """Lock the rows under an ID, the first known one first, and the one its alias stands for.

    Merged rows are locked, too: a merge or its undoing that was at work is over then, and the
    alias that is read behind the locks is the one that holds.
    """
    ours = Q(
        dicom_patient_id=attributes.dicom_patient_id,
        issuer_of_patient_id=attributes.issuer_of_patient_id,
    )
    for _ in range(_ATTEMPTS):
        savepoint = transaction.savepoint()
        alias = active_alias(attributes)
        wanted = ours | Q(pk=alias.patient_id) if alias else ours
        locked = Patient.objects.select_for_update(no_key=True).filter(wanted)
        rows = {row.pk: row for row in locked.order_by("pk")}
        now = active_alias(attributes)
        if (now and now.patient_id) == (alias and alias.patient_id):
            known = [row for row in rows.values() if _is_current(row, attributes)]
            return known, rows[now.patient_id] if now else None
        # The locks go with it: others are taken in the order of their keys again.
        transaction.savepoint_rollback(savepoint)
    message = "The patient is being corrected; try again."
    raise StorageError(message, code="database-busy")


def _is_current(row: Patient, attributes: PatientAttributes) -> bool:
    return row.merged_into_id is None and (
        (row.dicom_patient_id, row.issuer_of_patient_id)
        == (attributes.dicom_patient_id, attributes.issuer_of_patient_id)
    )


def _create_first(newcomer: Newcomer) -> Patient:
    try:
        with transaction.atomic():
            return _create(newcomer.attributes, conflict_of=None)
    except IntegrityError:
        # Another door made the row in between; it is committed now, and compared like any other.
        return find_or_create_patient(newcomer)


def _create(attributes: PatientAttributes, *, conflict_of: Patient | None) -> Patient:
    return Patient.objects.create(
        dicom_patient_id=attributes.dicom_patient_id,
        issuer_of_patient_id=attributes.issuer_of_patient_id,
        patient_name=attributes.patient_name,
        patient_name_search=attributes.patient_name_search,
        patient_birth_date=attributes.patient_birth_date,
        patient_sex=attributes.patient_sex,
        conflict_of=conflict_of,
    )


def names_same_patient(row: Patient, attributes: PatientAttributes) -> bool:
    """Whether an instance names the patient its study is known to belong to.

    Viewers and workstations leave out the issuer in what they make of images: inside a known study
    a missing one says nothing, while another one contradicts.

    Parameters
    ----------
    row
        the study's patient
    attributes
        the patient as the instance names them
    """
    return (
        row.dicom_patient_id == attributes.dicom_patient_id
        and attributes.issuer_of_patient_id in {"", row.issuer_of_patient_id}
        and agrees(row, attributes)
    )


def agrees(row: Patient, attributes: PatientAttributes) -> bool:
    """Whether name, birth date and sex don't contradict each other; unknown contradicts nothing.

    Parameters
    ----------
    row
        a known patient
    attributes
        the patient as an instance names them
    """
    pairs = (
        (row.patient_name_search, attributes.patient_name_search),
        (row.patient_birth_date, attributes.patient_birth_date),
        (row.patient_sex, attributes.patient_sex),
    )
    return all(not known or not said or known == said for known, said in pairs)


def _lacking(row: Patient, attributes: PatientAttributes) -> list[str]:
    """Return the columns that are not known and of which the instance says something."""
    names = ["patient_name_search", "patient_birth_date", "patient_sex"]
    return [name for name in names if not getattr(row, name) and getattr(attributes, name)]


def _fill_in(row: Patient, attributes: PatientAttributes) -> None:
    """Take what was not known before; known values never change by a store."""
    lacking = _lacking(row, attributes)
    if "patient_name_search" in lacking:
        lacking.append("patient_name")
    for name in lacking:
        setattr(row, name, getattr(attributes, name))
    row.save(update_fields=lacking)

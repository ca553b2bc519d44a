"""What arrives for something that was corrected follows the correction.

An instance says what was true before: the patient's former ID or name, the study its series was
in. It is taken in under what holds now, and served so (`archive.corrections` decides, this reads).
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from archive.models import Correction, Patient, PatientAlias, Series, Study

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archive.dicom.attributes import PatientAttributes
    from archive.dicom.corrections import Entry
    from archive.ingest.examining import Candidate

_IDENTITY = (
    "dicom_patient_id",
    "issuer_of_patient_id",
    "patient_name",
    "patient_name_search",
    "patient_birth_date",
    "patient_sex",
)
_ABOUT_PATIENTS = (Correction.Kind.PATIENT_EDIT, Correction.Kind.PATIENT_MERGE)


def identity_of(row: Patient | PatientAttributes) -> dict[str, Any]:
    """Return who a patient is said to be, as JSON keeps it.

    Parameters
    ----------
    row
        a patient, or what an instance says of one
    """
    values = {name: getattr(row, name) for name in _IDENTITY}
    born = values["patient_birth_date"]
    values["patient_birth_date"] = born.isoformat() if born else None
    return values


def identity_columns(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a patient that an identity stands for.

    Parameters
    ----------
    identity
        from `identity_of`
    """
    born = identity["patient_birth_date"]
    return {
        **{name: identity[name] for name in _IDENTITY},
        "patient_birth_date": datetime.date.fromisoformat(born) if born else None,
    }


def says_same(identity: Mapping[str, Any], attributes: PatientAttributes) -> bool:
    """Whether an instance names a former identity; unknown contradicts nothing.

    Parameters
    ----------
    identity
        from `identity_of`
    attributes
        the patient as the instance names them
    """
    said = identity_of(attributes)
    pairs = [
        (identity[name], said[name])
        for name in ("patient_name_search", "patient_birth_date", "patient_sex")
    ]
    return (
        said["dicom_patient_id"] == identity["dicom_patient_id"]
        and said["issuer_of_patient_id"] in {"", identity["issuer_of_patient_id"]}
        and all(not known or not one or known == one for known, one in pairs)
    )


def says_all(identity: Mapping[str, Any], said: Patient | PatientAttributes) -> bool:
    """Whether all that an identity knows of name, birth date and sex is said as well, and equal.

    Parameters
    ----------
    identity
        from `identity_of`
    said
        a patient, or what an instance says of one
    """
    other = identity_of(said)
    names = ("patient_name_search", "patient_birth_date", "patient_sex")
    return all(not identity[name] or identity[name] == other[name] for name in names)


def correction_entry(correction: Correction, was: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a study or series remembers of a correction.

    Parameters
    ----------
    correction
        whose ``after`` holds the attributes
    was
        what its instances say, so that later ones are known by it
    """
    return {
        "correction": correction.pk,
        "attributes": correction.after.get("attributes", {}),
        "at": correction.made_at.astimezone(datetime.UTC).isoformat(),
        "by": correction.made_by.get_username() if correction.made_by else correction.origin,
        "reason": correction.reason,
        "was": dict(was),
    }


def corrected_patient(
    attributes: PatientAttributes, known: Sequence[Patient], stands_for: Patient | None
) -> Patient | None:
    """Return the patient whom an instance names by what was true before a correction.

    Parameters
    ----------
    attributes
        the patient as a new study's first instance names them
    known
        locked rows under the same ID
    stands_for
        the locked row that the ID's alias finds, where it has one

    Returns
    -------
    one of these rows; None where no correction says so
    """
    if stands_for is not None and (
        _agrees(stands_for, attributes) or _was_named(attributes, [stands_for.pk]) is not None
    ):
        return stands_for
    correction = _was_named(attributes, [row.pk for row in known])
    return next((row for row in known if correction and row.pk == correction.patient_id), None)


def former_identities(patient: Patient, attributes: PatientAttributes) -> list[Mapping[str, Any]]:
    """Return who a patient was said to be before corrections, as far as an instance names it.

    Parameters
    ----------
    patient
        as they are known now
    attributes
        the patient as the instance names them
    """
    rows = Correction.objects.filter(
        patient=patient, kind__in=_ABOUT_PATIENTS, undone_at__isnull=True
    )
    found = rows.order_by("pk").values_list("before", flat=True)
    known = [one for before in found for one in before.get("identities", ())]
    return [one for one in known if says_same(one, attributes)]


def active_alias(attributes: PatientAttributes) -> PatientAlias | None:
    """Return what an ID stands for that was merged away or changed; None where it was not.

    Parameters
    ----------
    attributes
        the patient as an instance names them
    """
    if not attributes.dicom_patient_id:
        return None
    alias: PatientAlias | None = PatientAlias.objects.filter(
        dicom_patient_id=attributes.dicom_patient_id,
        issuer_of_patient_id=attributes.issuer_of_patient_id,
        is_active=True,
    ).first()
    return alias


def entries_for(patient: Patient, attributes: PatientAttributes) -> list[Entry]:
    """Return what a new study of the patient is served with; nothing where it says what holds.

    Parameters
    ----------
    patient
        the row that the study goes to
    attributes
        the patient as its first instance names them
    """
    is_same_id = (patient.dicom_patient_id, patient.issuer_of_patient_id) == (
        attributes.dicom_patient_id,
        attributes.issuer_of_patient_id,
    )
    if not attributes.dicom_patient_id or (is_same_id and _agrees(patient, attributes)):
        return []
    first = _was_named(attributes, [patient.pk])
    alias = active_alias(attributes)
    keys = [one for one in (first and first.pk, alias and alias.correction_id) if one]
    if not keys:
        return []
    later = Correction.objects.filter(
        patient=patient, pk__gte=min(keys), kind__in=_ABOUT_PATIENTS, undone_at__isnull=True
    )
    was = identity_of(attributes)
    return [correction_entry(one, was) for one in later.select_related("made_by").order_by("pk")]


def follows(entries: Iterable[Entry], attributes: PatientAttributes) -> bool:
    """Whether an instance names the patient that its study or series had before a correction.

    Parameters
    ----------
    entries
        what was corrected of them
    attributes
        the patient as the instance names them
    """
    return any(
        says_same(entry["was"], attributes)
        for entry in entries
        if "dicom_patient_id" in entry.get("was", {})
    )


def current_places(candidates: Iterable[Candidate]) -> dict[int, str]:
    """Say which study instances belong to whose series, or whole study, went to another one.

    Parameters
    ----------
    candidates
        as they came

    Returns
    -------
    Study Instance UIDs by the candidate's position, where they are not what it says
    """
    asked = list(candidates)
    series = Series.objects.filter(series_instance_uid__in={c.series_instance_uid for c in asked})
    moved = {
        uid: (study, entries)
        for uid, study, entries in series.exclude(corrected=[]).values_list(
            "series_instance_uid", "study__study_instance_uid", "corrected"
        )
    }
    studies = Study.objects.filter(
        study_instance_uid__in={c.study_instance_uid for c in asked},
        withheld=Study.Withheld.DELETED,
    )
    emptied = {
        uid: entries[-1].get("moved_to", "")
        for uid, entries in studies.exclude(corrected=[]).values_list(
            "study_instance_uid", "corrected"
        )
    }
    places = {}
    for candidate in asked:
        said = candidate.study_instance_uid
        study, entries = moved.get(candidate.series_instance_uid, ("", []))
        if any(entry.get("was", {}).get("study_instance_uid") == said for entry in entries):
            places[candidate.position] = study
        elif emptied.get(said):
            places[candidate.position] = emptied[said]
    return {position: uid for position, uid in places.items() if uid}


def moving_entries(study_instance_uid: str) -> list[dict[str, Any]]:
    """Return what a new series is served with that came for a study whose series all moved.

    Parameters
    ----------
    study_instance_uid
        what its instances say
    """
    rows = Study.objects.filter(
        study_instance_uid=study_instance_uid, withheld=Study.Withheld.DELETED
    )
    entries: list[dict[str, Any]] | None = rows.values_list("corrected", flat=True).first()
    return [
        {**entry, "attributes": entry["of_series"]}
        for entry in entries or []
        if entry.get("moved_to")
    ][-1:]


def _was_named(attributes: PatientAttributes, patients: Sequence[int]) -> Correction | None:
    """Find the first correction that took away the identity which an instance names."""
    rows = Correction.objects.filter(
        patient__in=patients, kind__in=_ABOUT_PATIENTS, undone_at__isnull=True
    )
    for correction in rows.order_by("pk"):
        if any(says_same(one, attributes) for one in correction.before.get("identities", ())):
            return correction
    return None


def _agrees(row: Patient, attributes: PatientAttributes) -> bool:
    same = {**identity_of(row), "dicom_patient_id": attributes.dicom_patient_id}
    return says_same(same | {"issuer_of_patient_id": attributes.issuer_of_patient_id}, attributes)

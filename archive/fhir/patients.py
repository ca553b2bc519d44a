"""Patients as FHIR resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.resources import record_patient_read
from archive.fhir.moments import instant
from archive.fhir.registry import (
    IDENTIFIER,
    Kind,
    Parameter,
    Resource,
    Scene,
    named,
)
from archive.query.criteria.patients import (
    GENDERS,
    patients_by_keys,
    search_patients,
    system_of_issuer,
)
from archive.query.criteria.types import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models import Patient
    from archive.query.criteria.types import Criterion, Slice

_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_GROUPS = ("ABC", "IDE", "SYL")
_GENDER_OF = {code: gender for gender, codes in GENDERS.items() for code in codes}


def patient_resource(patient: Patient) -> Resource:
    """Return a patient as a resource; ``patient`` comes from `archive.query.criteria.patients`."""
    row: Any = patient
    resource: Resource = {
        "resourceType": "Patient",
        "id": str(row.pk),
        "meta": {"lastUpdated": instant(row.changed_at)},
        "identifier": _identifiers(row),
        "active": row.merged_into_id is None,
        "name": human_names(row.patient_name),
        "gender": _GENDER_OF.get(row.patient_sex, "unknown" if row.patient_sex else ""),
        "birthDate": row.patient_birth_date.isoformat() if row.patient_birth_date else "",
        "link": _links(row),
    }
    return {name: value for name, value in resource.items() if value not in ("", [])}


def patient_reference(patient: Patient) -> dict[str, Any]:
    """Return a reference to a patient, with their name."""
    found = {"reference": f"Patient/{patient.pk}", "type": "Patient"}
    display = display_name(patient.patient_name)
    return found | ({"display": display} if display else {})


def _identifiers(row: Any) -> list[dict[str, Any]]:
    found = [_identifier(row.dicom_patient_id, row.issuer_of_patient_id, "usual")]
    found += [
        _identifier(one.dicom_patient_id, one.issuer_of_patient_id, "old") for one in row.former_ids
    ]
    return [one for one in found if one]


def _identifier(patient_id: str, issuer: str, use: str) -> dict[str, Any]:
    if not patient_id:
        return {}
    coding = {"system": _TYPES, "code": "MR", "display": "Medical record number"}
    found: dict[str, Any] = {"use": use, "type": {"coding": [coding]}}
    if issuer:
        found["system"] = system_of_issuer(issuer)
    found["value"] = patient_id
    if issuer:
        found["assigner"] = {"display": issuer}
    return found


def _links(row: Any) -> list[dict[str, Any]]:
    links = [
        {"other": {"reference": f"Patient/{one.pk}"}, "type": "replaces"} for one in row.replaced
    ]
    if row.merged_into_id is not None:
        other = {"reference": f"Patient/{row.merged_into_id}"}
        links.append({"other": other, "type": "replaced-by"})
    return links


def human_names(name: str) -> list[dict[str, Any]]:
    """Return a DICOM name's groups as names: as it is read, as it is written, as it sounds."""
    found = []
    for group, representation in zip(name.split("="), _GROUPS, strict=False):
        if group.strip("^ "):
            found.append(_human_name(group, "" if representation == "ABC" else representation))
    return found


def _human_name(group: str, representation: str) -> dict[str, Any]:
    # PS3.5 6.2: family, given, middle, prefix, suffix.
    told = [part.strip() for part in group.split("^")]
    family, given, middle, prefix, suffix = [*told, *[""] * 5][:5]
    parts: dict[str, Any] = {
        "use": "official" if not representation else "",
        "text": display_name(group),
        "family": family,
        "given": [*given.split(), *middle.split()],
        "prefix": prefix.split(),
        "suffix": suffix.split(),
    }
    name = {key: value for key, value in parts.items() if value}
    if representation:
        name["extension"] = [{"url": _REPRESENTATION, "valueCode": representation}]
    return name


def display_name(name: str) -> str:
    """Write a DICOM name for people: what is read of it, the family name first."""
    groups = [group for group in name.split("=") if group.strip("^ ")]
    parts = [part.strip() for part in groups[0].split("^")] if groups else []
    family, others = (parts[0], [part for part in parts[1:] if part]) if parts else ("", [])
    return ", ".join(part for part in (family, " ".join(others)) if part)


def _read(scene: Scene, keys: Sequence[str]) -> list[Resource]:
    return [patient_resource(row) for row in patients_by_keys(scene.user, keys)]


def _search(scene: Scene, criteria: Sequence[Criterion], wanted: Slice) -> Found[Resource]:
    found = search_patients(scene.user, criteria, wanted)
    return Found([patient_resource(row) for row in found], found.following, found.total)


def _note_read(scene: Scene, resource: Resource) -> None:
    record_patient_read(scene.asker, patient=int(resource["id"]), request=scene.request_id)


PATIENT = Kind(
    name="Patient",
    about="People whose examinations the asker may see.",
    parameters=named(
        (
            Parameter(
                "identifier",
                "token",
                "Patient ID, also one that a merge took away; the system names its issuer",
                "Patient-identifier",
                IDENTIFIER,
                id_type="MR",
            ),
            Parameter("name", "string", "The beginning of any part of a name", "Patient-name"),
            Parameter("family", "string", "The beginning of the family name", "individual-family"),
            Parameter("given", "string", "The beginning of any other name", "individual-given"),
            Parameter("birthdate", "date", "Date of birth", "individual-birthdate"),
            Parameter("gender", "token", "Sex", "individual-gender"),
        )
    ),
    read=_read,
    search=_search,
    note_read=_note_read,
    orders=("_lastUpdated", "name", "family", "birthdate"),
    summary=frozenset({"identifier", "active", "name", "gender", "birthDate", "link"}),
)

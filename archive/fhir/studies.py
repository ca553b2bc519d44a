"""Imaging studies as FHIR resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.resources import record_resource_read
from archive.curation.selectors import is_gone
from archive.curation.types import ObjectPath
from archive.dicom.uids import is_valid_uid
from archive.fhir.moments import clock_moment, instant
from archive.fhir.patients import display_name, patient_reference
from archive.fhir.registry import (
    IDENTIFIER,
    SUBSETTED,
    TEXT,
    Kind,
    Parameter,
    Resource,
    Scene,
    named,
    reference,
)
from archive.query.criteria.studies import (
    IMAGES,
    MAX_INSTANCES,
    MODALITY_SYSTEM,
    UID_SYSTEM,
    URI_SYSTEM,
    patients_of_studies,
    search_studies,
    studies_by_uids,
)
from archive.query.criteria.types import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models import Study
    from archive.query.criteria.types import Criterion, Slice

_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_SNOMED = "http://snomed.info/sct"
_SIDES = {"L": ("7771000", "Left"), "R": ("24028007", "Right"), "B": ("51440002", "Bilateral")}


def study_resource(study: Study) -> Resource:
    """Return a study as a resource; ``study`` comes from `archive.query.criteria.studies`."""
    row: Any = study
    resource: Resource = {
        "resourceType": "ImagingStudy",
        "id": row.study_instance_uid,
        "meta": {"lastUpdated": instant(row.updated_at), **_cut(row)},
        "identifier": _identifiers(row),
        "status": "entered-in-error" if row.withheld else "available",
        "modality": [_modality(code) for code in row.modalities_in_study],
        "subject": patient_reference(row.patient),
        "started": clock_moment(row.study_date, row.study_time, row.timezone_offset_from_utc),
        "basedOn": _based_on(row),
        "referrer": _referrer(row),
        "endpoint": [{"reference": f"Endpoint/{IMAGES}", "type": "Endpoint"}],
        "numberOfSeries": row.number_of_study_related_series,
        "numberOfInstances": row.number_of_study_related_instances,
        "description": row.study_description,
        "series": [_series(one, row) for one in row.shown_series],
    }
    return _filled(resource)


def _cut(row: Any) -> dict[str, Any]:
    """Say so where a study is too large for its instances to be listed."""
    return {"tag": [SUBSETTED]} if row.number_of_study_related_instances > MAX_INSTANCES else {}


def study_reference(uid: str) -> dict[str, Any]:
    """Return a reference to a study, with its UID."""
    return {
        "reference": f"ImagingStudy/{uid}",
        "type": "ImagingStudy",
        "identifier": {"system": UID_SYSTEM, "value": f"urn:oid:{uid}"},
    }


def _filled(values: Resource) -> Resource:
    return {name: value for name, value in values.items() if value not in ("", [], None, {})}


def _identifiers(row: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "use": "official",
            "system": UID_SYSTEM,
            "value": f"urn:oid:{row.study_instance_uid}",
        }
    ]
    return [*found, _accession(row)] if row.accession_number else found


def _accession(row: Any) -> dict[str, Any]:
    coding = {"system": _TYPES, "code": "ACSN", "display": "Accession ID"}
    return {"use": "usual", "type": {"coding": [coding]}, "value": row.accession_number}


def _based_on(row: Any) -> list[dict[str, Any]]:
    """Return the order, which is known by its number alone."""
    if not row.accession_number:
        return []
    return [{"type": "ServiceRequest", "identifier": _accession(row)}]


def _referrer(row: Any) -> dict[str, str]:
    name = display_name(row.referring_physician_name)
    return {"type": "Practitioner", "display": name} if name else {}


def _modality(code: str) -> dict[str, str]:
    return {"system": MODALITY_SYSTEM, "code": code}


def _series(series: Any, study: Any) -> dict[str, Any]:
    started = clock_moment(series.series_date, series.series_time, study.timezone_offset_from_utc)
    number = series.series_number
    return _filled(
        {
            "uid": series.series_instance_uid,
            # An unsigned 32 bit number there, any whole number here.
            "number": number if number is not None and 0 <= number < 2**31 else None,
            "modality": _modality(series.modality or "OT"),
            "description": series.series_description,
            "numberOfInstances": series.number_of_series_related_instances,
            "bodySite": _body_site(series.body_part_examined),
            "laterality": _laterality(series.laterality),
            "started": started,
            "instance": [_instance(one) for one in series.shown_instances],
        }
    )


def _body_site(body_part: str) -> dict[str, str]:
    """Return DICOM's term for a body part, which belongs to no system of codes."""
    return {"code": body_part, "display": body_part.replace("_", " ").title()} if body_part else {}


def _laterality(side: str) -> dict[str, str]:
    if side not in _SIDES:
        return {}
    code, display = _SIDES[side]
    return {"system": _SNOMED, "code": code, "display": display}


def _instance(instance: Any) -> dict[str, Any]:
    number = instance.instance_number
    return _filled(
        {
            "uid": instance.sop_instance_uid,
            "sopClass": {"system": URI_SYSTEM, "code": f"urn:oid:{instance.sop_class_uid}"},
            "number": number if number is not None and 0 <= number < 2**31 else None,
        }
    )


def _read(scene: Scene, keys: Sequence[str]) -> list[Resource]:
    uids = [key for key in keys if is_valid_uid(key)]
    return [study_resource(row) for row in studies_by_uids(scene.user, uids)]


def _search(scene: Scene, criteria: Sequence[Criterion], wanted: Slice) -> Found[Resource]:
    found = search_studies(scene.user, criteria, wanted)
    return Found([study_resource(row) for row in found], found.following, found.total)


def _patients(scene: Scene, criteria: Sequence[Criterion]) -> Any:
    return patients_of_studies(scene.user, criteria)


def _note_read(scene: Scene, resource: Resource) -> None:
    uid = resource["id"]
    record_resource_read(
        scene.asker,
        kind="ImagingStudy",
        study_instance_uid=uid,
        key=uid,
        request=scene.request_id,
    )


def _is_gone(scene: Scene, key: str) -> bool:
    return is_valid_uid(key) and is_gone(scene.user, ObjectPath(key, None, None))


STUDY = Kind(
    name="ImagingStudy",
    about="Studies with their series and instances.",
    parameters=named(
        (
            Parameter(
                "identifier",
                "token",
                "Study Instance UID (urn:dicom:uid|urn:oid:…) or accession number",
                "ImagingStudy-identifier",
                IDENTIFIER,
                id_type="ACSN",
            ),
            reference(
                "patient",
                "Whose study it is",
                definition="clinical-patient",
                targets=("Patient",),
                path="subject",
            ),
            reference(
                "subject",
                "Whose study it is",
                definition="ImagingStudy-subject",
                targets=("Patient",),
                path="subject",
            ),
            reference(
                "basedon",
                "The order, by its number: basedon:identifier",
                definition="ImagingStudy-basedon",
                targets=(),
            ),
            Parameter("started", "date", "When it began", "ImagingStudy-started"),
            Parameter("modality", "token", "Modality of a series", "ImagingStudy-modality"),
            Parameter("status", "token", "available, entered-in-error", "ImagingStudy-status"),
            Parameter(
                "bodysite",
                "token",
                "Body Part Examined of a series",
                "ImagingStudy-bodysite",
                TEXT,
            ),
            Parameter("series", "token", "Series Instance UID", "ImagingStudy-series"),
            Parameter("instance", "token", "SOP Instance UID", "ImagingStudy-instance"),
            Parameter("dicom-class", "token", "SOP Class UID", "ImagingStudy-dicom-class"),
            reference(
                "endpoint",
                "Where its images are",
                definition="ImagingStudy-endpoint",
                targets=("Endpoint",),
                path="endpoint",
                is_followed=False,
            ),
        )
    ),
    read=_read,
    search=_search,
    note_read=_note_read,
    orders=("_lastUpdated", "started"),
    summary=frozenset(
        {
            "identifier", "status", "modality", "subject", "started", "basedOn", "referrer",
            "endpoint", "numberOfSeries", "numberOfInstances", "description", "series",
        }
    ),
    mandatory=frozenset({"status", "subject"}),
    # R4 marks the series as summary, not the instances in them.
    summary_leaves_out=("series", "instance"),
    referring={"patient": _patients, "subject": _patients},
    key_name="study",
    is_gone=_is_gone,
)  # fmt: skip

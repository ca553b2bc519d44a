"""Single statements of models as FHIR observations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archive.audit.resources import record_resource_read
from archive.fhir.moments import clock_moment, instant
from archive.fhir.patients import patient_reference
from archive.fhir.registry import TEXT, Kind, Parameter, Resource, Scene, named, reference
from archive.fhir.studies import study_reference
from archive.query.criteria.types import Criterion, Found, Reference
from inference.fhir.coding import (
    CERTAIN,
    STATEMENT_CATEGORY,
    label_concept,
    line_of,
    name_concept,
    quantity,
    spoken,
)
from inference.review.report_search import (
    MODEL_SYSTEM,
    keys_of_statements,
    search_statements,
    statements_by_keys,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.query.criteria.types import Slice
    from inference.models import Run
    from inference.review.reports import Statement

_INTERPRETATIONS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_MODEL = "model"
NOT_DIAGNOSTIC = "Said by a model for research, not for diagnostic use."


def observation(statement: Statement) -> Resource:
    """Return a statement as a resource."""
    finding, run = statement.finding, statement.run
    study: Any = run.study
    resource: Resource = {
        "resourceType": "Observation",
        "id": str(finding.pk),
        "meta": {"lastUpdated": instant(statement.changed_at)},
        "contained": [device(run)],
        "identifier": _identifiers(finding.tracking_uid),
        "status": statement.status.value,
        "category": STATEMENT_CATEGORY,
        "code": name_concept(finding.name),
        "subject": patient_reference(study.patient),
        "effectiveDateTime": clock_moment(
            study.study_date, study.study_time, study.timezone_offset_from_utc
        ),
        "issued": instant(run.finished_at or run.created_at),
        **_value(statement),
        "interpretation": _interpretation(statement),
        "note": [{"text": text} for text in _notes(statement)],
        "device": {"reference": f"#{_MODEL}"},
        "derivedFrom": [study_reference(study.study_instance_uid)],
        "component": _components(statement),
    }
    return {name: value for name, value in resource.items() if value not in ("", [], {}, None)}


def device(run: Run) -> dict[str, Any]:
    """Return the model that spoke, as the device that it is."""
    version = run.model_version
    found: dict[str, Any] = {
        "resourceType": "Device",
        "id": _MODEL,
        "identifier": [{"system": MODEL_SYSTEM, "value": version.name}],
        "deviceName": [{"name": version.name, "type": "model-name"}],
        "type": {"text": "Machine learning model"},
        "version": [{"value": version.version}],
    }
    if version.description:
        found["note"] = [{"text": version.description}]
    return found


def _identifiers(tracking_uid: str) -> list[dict[str, str]]:
    if not tracking_uid:
        return []
    return [{"system": "urn:dicom:uid", "value": f"urn:oid:{tracking_uid}"}]


def _value(statement: Statement) -> dict[str, Any]:
    finding = statement.finding
    if finding.kind != finding.Kind.MEASUREMENT and statement.label:
        return {"valueCodeableConcept": label_concept(statement.run, statement.label)}
    found: dict[str, Any] = {}
    if statement.value is not None:
        found["valueQuantity"] = quantity(statement.value, finding.unit)
    if statement.label:
        found["bodySite"] = label_concept(statement.run, statement.label)
    return found


def _components(statement: Statement) -> list[dict[str, Any]]:
    finding, found = statement.finding, []
    if finding.kind == finding.Kind.DETECTION and statement.value is not None:
        size = {"text": "Size"}
        found.append({"code": size, "valueQuantity": quantity(statement.value, finding.unit)})
    # How sure the model was of what it said, not of what a person says in its stead.
    if finding.probability is not None and not statement.model_label:
        percent = quantity(finding.probability * 100, "%")
        found.append({"code": CERTAIN, "valueQuantity": percent})
    return found


def _interpretation(statement: Statement) -> list[dict[str, Any]]:
    if not statement.finding.is_critical:
        return []
    coding = {"system": _INTERPRETATIONS, "code": "AA", "display": "Critical abnormal"}
    return [{"coding": [coding]}]


def _notes(statement: Statement) -> list[str]:
    notes = [] if statement.run.model_version.is_diagnostic else [NOT_DIAGNOSTIC]
    if statement.model_label or statement.model_value is not None:
        said = quantity_text(statement.model_value, statement.finding.unit)
        words = " ".join(part for part in (spoken(statement.model_label), said) if part)
        notes.append(f"The model said: {words}.")
    return notes


def quantity_text(value: float | None, unit: str) -> str:
    """Write a number with its unit; nothing where there is none."""
    return "" if value is None else f"{value:.4g} {unit}".strip()


def statement_display(statement: Statement) -> dict[str, str]:
    """Return a reference to a statement, with its words."""
    reference_to = f"Observation/{statement.finding.pk}"
    return {"reference": reference_to, "type": "Observation", "display": line_of(statement)}


def _read(scene: Scene, keys: Sequence[str]) -> list[Resource]:
    wanted = Criterion("_id", tuple(Reference("Observation", key) for key in keys))
    return [observation(one) for one in statements_by_keys(scene.user, wanted)]


def _search(scene: Scene, criteria: Sequence[Criterion], wanted: Slice) -> Found[Resource]:
    found = search_statements(scene.user, criteria, wanted)
    return Found([observation(one) for one in found], found.following, found.total)


def _referred(scene: Scene, criteria: Sequence[Criterion], *, name: str) -> Any:
    return keys_of_statements(scene.user, criteria, name)


def note_read(scene: Scene, resource: Resource) -> None:
    """Put on record that what is said of a study was read."""
    about = resource.get("derivedFrom") or resource["imagingStudy"]
    uid = str(about[0]["reference"]).partition("/")[2]
    record_resource_read(
        scene.asker,
        kind=resource["resourceType"],
        study_instance_uid=uid,
        key=resource["id"],
        request=scene.request_id,
    )


OBSERVATION = Kind(
    name="Observation",
    about="What models say about studies, one statement each, and what people made of it.",
    parameters=named(
        (
            Parameter("identifier", "token", "Its tracking UID", "clinical-identifier"),
            reference(
                "patient",
                "Whose study it is about",
                definition="clinical-patient",
                targets=("Patient",),
                path="subject",
            ),
            reference(
                "subject",
                "Whose study it is about",
                definition="Observation-subject",
                targets=("Patient",),
                path="subject",
            ),
            reference(
                "derived-from",
                "The study that it is about",
                definition="Observation-derived-from",
                targets=("ImagingStudy",),
                path="derivedFrom",
            ),
            Parameter(
                "status",
                "token",
                "preliminary, final, corrected, entered-in-error",
                "Observation-status",
            ),
            Parameter("category", "token", "imaging", "Observation-category"),
            Parameter("code", "token", "What is stated", "clinical-code", TEXT),
            Parameter("date", "date", "When the study began", "clinical-date"),
            Parameter(
                "value-concept", "token", "What was found", "Observation-value-concept", TEXT
            ),
            Parameter(
                "value-quantity", "quantity", "What was measured", "Observation-value-quantity"
            ),
        )
    ),
    read=_read,
    search=_search,
    note_read=note_read,
    referring={
        name: partial(_referred, name=name) for name in ("patient", "subject", "derived-from")
    },
    orders=("_lastUpdated", "date"),
    summary=frozenset(
        {
            "identifier", "status", "category", "code", "subject", "effectiveDateTime", "issued",
            "valueQuantity", "valueCodeableConcept", "interpretation", "derivedFrom", "component",
        }
    ),
    mandatory=frozenset({"status", "code"}),
)  # fmt: skip

"""Codes of findings as FHIR writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.results.codes import BODY_PART, CERTAINTY, MODALITY
from inference.review.report_search import (
    FINDING_SYSTEM,
    LABEL_SYSTEM,
    REPORT_CATEGORIES,
    REPORT_CODES,
    STATEMENT_CATEGORIES,
    UCUM,
)

if TYPE_CHECKING:
    from inference.models import Run
    from inference.results.types import CodeTriple
    from inference.review.reports import Statement

_SYSTEMS = {
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "SCT": "http://snomed.info/sct",
    "SRT": "http://snomed.info/sct",
    "RADLEX": "http://radlex.org",
    "LN": "http://loinc.org",
    "UCUM": UCUM,
}
_DISPLAYS = {"RAD": "Radiology", "imaging": "Imaging", "18748-4": "Diagnostic imaging study"}
_NAMES: dict[str, CodeTriple] = {
    "modality": MODALITY,
    "body_part": BODY_PART,
    "finding": ("121071", "DCM", "Finding"),
}
CERTAIN = {"coding": [{"system": _SYSTEMS["DCM"], "code": CERTAINTY[0], "display": CERTAINTY[2]}]}
# Modalities have two letters.
_CODE = 2
# UCUM codes as people write them.
_UNITS = {"[hnsf'U]": "HU", "cm3": "mL", "1": "", "{ratio}": ""}


def _known(codes: set[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {"system": system, "code": code, "display": _DISPLAYS[code]}
        for system, code in sorted(codes)
    ]


REPORT_CODE = _known(REPORT_CODES)
REPORT_CATEGORY = [{"coding": _known(REPORT_CATEGORIES)}]
STATEMENT_CATEGORY = [{"coding": _known(STATEMENT_CATEGORIES)}]


def spoken(name: str) -> str:
    """Write a name of ours as people do; codes of modalities stay as they are."""
    text = name.replace("_", " ").strip()
    return text if text.isupper() and len(text) == _CODE else text.capitalize()


def name_concept(name: str) -> dict[str, Any]:
    """Return what a statement is about."""
    coding = [{"system": FINDING_SYSTEM, "code": name, "display": spoken(name)}]
    if name in _NAMES:
        code, scheme, meaning = _NAMES[name]
        coding.insert(0, {"system": _SYSTEMS[scheme], "code": code, "display": meaning})
    return {"coding": coding, "text": spoken(name)}


def label_concept(run: Run, label: str) -> dict[str, Any]:
    """Return what was found, by the codes that the model's entry has for it."""
    coding = [{"system": LABEL_SYSTEM, "code": label, "display": spoken(label)}]
    for one in run.model_version.labels:
        if not isinstance(one, dict) or one.get("name") != label or not one.get("code"):
            continue
        system = _SYSTEMS.get(str(one.get("scheme", "")).upper())
        if system:
            meaning = str(one.get("meaning") or label)
            coding.insert(0, {"system": system, "code": str(one["code"]), "display": meaning})
    return {"coding": coding, "text": spoken(label)}


def quantity(value: float, unit: str) -> dict[str, Any]:
    """Return a number with its unit."""
    found: dict[str, Any] = {"value": round(value, 6)}
    if unit:
        found |= {"unit": _UNITS.get(unit, unit) or unit, "system": UCUM, "code": unit}
    return found


def line_of(statement: Statement) -> str:
    """Write a statement in one line."""
    finding = statement.finding
    label, name = spoken(statement.label), spoken(finding.name)
    number = ""
    if statement.value is not None:
        unit = _UNITS.get(finding.unit, finding.unit)
        number = f"{statement.value:.4g} {unit}".strip()
    sure = "" if finding.probability is None else f"{finding.probability:.0%}"
    if finding.kind == finding.Kind.MEASUREMENT:
        text = f"{label}: {name.lower()} {number}" if label else f"{name}: {number}"
    else:
        text = ", ".join(part for part in (f"{name}: {label}", number) if part)
    return f"{text} ({sure})" if sure and not statement.model_label else text

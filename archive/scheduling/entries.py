"""A scheduled step as an entry of the modality worklist (PS3.4 table K.6-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.dicom.charsets import person_name_groups

if TYPE_CHECKING:
    from archive.models import ScheduledStep

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
STEP_SEQUENCE = "00400100"


def entry_json(step: ScheduledStep) -> dict[str, Any]:
    """Return the step in the DICOM JSON model."""
    said = {
        "00080005": element("CS", "ISO_IR 192"),
        "00080050": element("SH", step.accession_number),
        "00080090": _name(step.referring_physician_name),
        "00081110": {"vr": "SQ"},
        "00081120": {"vr": "SQ"},
        "00100010": _name(step.patient_name),
        "00100020": element("LO", step.dicom_patient_id),
        "00100021": element("LO", step.issuer_of_patient_id),
        "00100030": element("DA", _digits(step.patient_birth_date)),
        "00100040": element("CS", step.patient_sex),
        "00101030": element("DS", step.patient_weight_kg),
        "00102000": element("LO", step.medical_alerts),
        "00102110": element("LO", step.allergies),
        "001021C0": element("US", step.pregnancy_status),
        "0020000D": element("UI", step.study_instance_uid),
        "00321032": _name(step.requesting_physician),
        "00321060": element("LO", step.requested_procedure_description),
        "00321064": _code(step.requested_procedure_code),
        "00380010": element("LO", step.admission_id),
        "00380050": {"vr": "LO"},
        "00380300": {"vr": "LO"},
        "00380500": {"vr": "LO"},
        STEP_SEQUENCE: {"vr": "SQ", "Value": [_step_item(step)]},
        "00401001": element("SH", step.requested_procedure_id),
        "00401003": element("SH", step.requested_procedure_priority),
        "00401004": {"vr": "LO"},
        "00403001": {"vr": "LO"},
    }
    return dict(sorted(said.items()))


def _step_item(step: ScheduledStep) -> dict[str, Any]:
    """Return the one item of the Scheduled Procedure Step Sequence."""
    return {
        "00080060": element("CS", step.modality),
        "00321070": {"vr": "LO"},
        "00400001": element("AE", step.scheduled_station_ae_title),
        "00400002": element("DA", _digits(step.scheduled_date)),
        "00400003": element("TM", _digits(step.scheduled_time)),
        "00400006": _name(step.scheduled_performing_physician_name),
        "00400007": element("LO", step.scheduled_step_description),
        "00400008": _code(step.protocol_code),
        "00400009": element("SH", step.scheduled_step_id),
        "00400010": element("SH", step.scheduled_station_name),
        "00400011": element("SH", step.scheduled_step_location),
        "00400012": {"vr": "LO"},
        "00400020": element("CS", step.state),
        "00400400": element("LT", step.comments),
    }


def element(vr: str, value: Any) -> dict[str, Any]:
    """Return an element of one value; None and an empty text are none."""
    return {"vr": vr} if value is None or value == "" else {"vr": vr, "Value": [value]}


def _name(value: str) -> dict[str, Any]:
    groups = zip(_GROUPS, person_name_groups(value), strict=True)
    said = {kind: text for kind, text in groups if text}
    return {"vr": "PN", "Value": [said]} if said else {"vr": "PN"}


def _code(code: dict[str, str]) -> dict[str, Any]:
    """Return a code sequence (PS3.3 section 8.8)."""
    if not code.get("value"):
        return {"vr": "SQ"}
    item = {
        "00080100": element("SH", code["value"]),
        "00080102": element("SH", code.get("scheme")),
        "00080104": element("LO", code.get("meaning")),
    }
    return {"vr": "SQ", "Value": [item]}


def _digits(value: Any) -> str:
    if value is None:
        return ""
    return str(value.isoformat()).replace("-", "").replace(":", "")

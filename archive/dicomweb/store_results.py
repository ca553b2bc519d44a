"""What became of each part of a store, as its response data set (PS3.18 annex I)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from archive.dicom.coercion import COERCED
from archive.dicom.native_xml import json_to_xml
from archive.dicomweb.media_types import DICOM_XML
from archive.dicomweb.statuses import failure_reason, warning_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.ingest.types import IngestResult

_VRS = {"AccessionNumber": "SH", "PatientID": "LO", "IssuerOfPatientID": "LO", "StudyID": "SH"}


def render_store(results: Sequence[IngestResult], base_url: str, media_type: str) -> bytes:
    """Write the results in native XML where that was agreed on, else in DICOM JSON."""
    document = store_document(results, base_url)
    if media_type == DICOM_XML:
        return json_to_xml(document)
    return json.dumps(document, separators=(",", ":")).encode()


def store_document(results: Sequence[IngestResult], base_url: str) -> dict[str, Any]:
    """Return the results in the DICOM JSON model."""
    stored, failed, others = [], [], []
    for result in results:
        if result.is_accepted:
            stored.append(_stored_item(result, base_url))
        elif result.sop_instance_uid and result.sop_class_uid:
            failed.append({**_references(result), **_failure(result)})
        else:
            others.append(_failure(result))
    answer: dict[str, Any] = {}
    uids = {result.study_instance_uid for result in results if result.is_accepted}
    if len(uids) == 1:
        answer["00081190"] = {"vr": "UR", "Value": [f"{base_url}/studies/{uids.pop()}"]}
    for tag, items in (("00081198", failed), ("00081199", stored), ("0008119A", others)):
        if items:
            answer[tag] = {"vr": "SQ", "Value": items}
    return answer


def _references(result: IngestResult) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [result.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [result.sop_instance_uid]},
    }


def _failure(result: IngestResult) -> dict[str, Any]:
    reason = failure_reason(result.error) if result.error is not None else 0x0110
    return {"00081197": {"vr": "US", "Value": [reason]}}


def _stored_item(result: IngestResult, base_url: str) -> dict[str, Any]:
    url = (
        f"{base_url}/studies/{result.study_instance_uid}"
        f"/series/{result.series_instance_uid}/instances/{result.sop_instance_uid}"
    )
    item = {**_references(result), "00081190": {"vr": "UR", "Value": [url]}}
    warning = warning_reason(result)
    if warning is not None:
        item["00081196"] = {"vr": "US", "Value": [warning]}
        item["04000561"] = {"vr": "SQ", "Value": [_original(result)]}
    return dict(sorted(item.items()))


def _original(result: IngestResult) -> dict[str, Any]:
    """Name what is served otherwise than it came; the object that is served says it in full."""
    modified = {f"{COERCED[keyword]:08X}": {"vr": _VRS[keyword]} for keyword in result.coerced}
    return {
        "04000550": {"vr": "SQ", "Value": [dict(sorted(modified.items()))]},
        "04000565": {"vr": "CS", "Value": ["COERCE"]},
    }

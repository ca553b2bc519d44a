"""Records of the audit trail as FHIR R4 has them (AuditEvent; IHE BALP's way of saying it)."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from archive.audit.atna import EVENTS, TYPES

if TYPE_CHECKING:
    from archive.models import AuditEvent

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_OBJECT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
# PS3.16 CID 402.
_SOURCE, _DESTINATION = ("110153", "Source Role ID"), ("110152", "Destination Role ID")
_APPLICATION = ("110150", "Application")
_OWN = "urn:twinsight:act"


def fhir_audit_event(event: AuditEvent, *, source: str) -> dict[str, Any]:
    """Return a record as an AuditEvent resource.

    Parameters
    ----------
    event
        the record
    source
        this system's name

    Returns
    -------
    JSON of the resource; its ``id`` is the record's key
    """
    outcome = str(int(event.outcome))
    resource: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(event.pk),
        "type": {
            "system": _DCM,
            "code": event.event_id,
            "display": EVENTS.get(event.event_id, "Unknown"),
        },
        "subtype": [_subtype(event.act)],
        "action": event.action,
        "recorded": event.recorded_at.isoformat(),
        "outcome": outcome,
        "agent": [_agent(event), _archive(event, source)],
        "source": {
            "observer": {"display": source},
            "type": [{"system": _SOURCE_TYPE, "code": "4", "display": "Application Server"}],
        },
    }
    entities = _entities(event)
    if entities:
        resource["entity"] = entities
    return resource


def _subtype(act: str) -> dict[str, str]:
    if act in TYPES:
        code, meaning = TYPES[act]
        return {"system": _DCM, "code": code, "display": meaning}
    return {"system": _OWN, "code": act}


def _agent(event: AuditEvent) -> dict[str, Any]:
    agent: dict[str, Any] = {
        "type": _role(event, is_asker=True),
        "who": {"display": event.actor_name or "anonymous"},
        "requestor": True,
    }
    if event.actor_id is not None:
        agent["who"]["identifier"] = {"value": str(event.actor_id)}
    if event.token_hint:
        agent["altId"] = event.token_hint
    if event.address:
        # 2: an IP address.
        agent["network"] = {"address": str(event.address), "type": "2"}
    return agent


def _archive(event: AuditEvent, source: str) -> dict[str, Any]:
    """Return the other side: this archive."""
    return {"type": _role(event, is_asker=False), "who": {"display": source}, "requestor": False}


def _role(event: AuditEvent, *, is_asker: bool) -> dict[str, Any]:
    """Return which way data goes: questions from the asker, what is read to them (IHE BALP)."""
    if event.event_id == "110112" or event.action in {"C", "U"}:
        code = _SOURCE if is_asker else _DESTINATION
    elif event.action == "R":
        code = _DESTINATION if is_asker else _SOURCE
    else:
        code = _APPLICATION
    return {"coding": [{"system": _DCM, "code": code[0], "display": code[1]}]}


def _patient(key: int) -> dict[str, Any]:
    return {
        "what": {"reference": f"Patient/{key}", "type": "Patient"},
        "type": {"system": _OBJECT_TYPE, "code": "1", "display": "Person"},
        "role": {"system": _OBJECT_ROLE, "code": "1", "display": "Patient"},
    }


def _entities(event: AuditEvent) -> list[dict[str, Any]]:
    patients = event.details.get("patients", [])
    found = [_patient(key) for key in patients if isinstance(key, int)]
    if event.study_instance_uid:
        identifier = {"system": "urn:dicom:uid", "value": f"urn:oid:{event.study_instance_uid}"}
        found.append(
            {
                "what": {"type": "ImagingStudy", "identifier": identifier},
                "type": {"system": _OBJECT_TYPE, "code": "2", "display": "System Object"},
                "role": {"system": _OBJECT_ROLE, "code": "3", "display": "Report"},
            }
        )
    if event.details:
        text = base64.b64encode(json.dumps(event.details, sort_keys=True).encode()).decode()
        said: dict[str, Any] = {
            "type": {"system": _OBJECT_TYPE, "code": "2", "display": "System Object"}
        }
        if event.event_id == "110112":
            said["role"] = {"system": _OBJECT_ROLE, "code": "24", "display": "Query"}
            said["query"] = text
        else:
            said["detail"] = [{"type": "details", "valueBase64Binary": text}]
        found.append(said)
    return found

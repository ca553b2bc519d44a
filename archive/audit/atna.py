"""Audit messages as DICOM has them: PS3.15 A.5 (RFC 3881), one XML document a record."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # only written  # nosec B405

if TYPE_CHECKING:
    from archive.models import AuditEvent

# PS3.16 CID 400 and 401: meanings.
EVENTS = {
    "110100": "Application Activity",
    "110101": "Audit Log Used",
    "110102": "Begin Transferring DICOM Instances",
    "110103": "DICOM Instances Accessed",
    "110104": "DICOM Instances Transferred",
    "110105": "DICOM Study Deleted",
    "110106": "Export",
    "110107": "Import",
    "110108": "Network Entry",
    "110109": "Order Record",
    "110110": "Patient Record",
    "110111": "Procedure Record",
    "110112": "Query",
    "110113": "Security Alert",
    "110114": "User Authentication",
}
TYPES = {
    "login": ("110122", "Login"),
    "client-login": ("110122", "Login"),
    "open-link": ("110122", "Login"),
    "logout": ("110123", "Logout"),
    "end-session": ("110123", "Logout"),
    "refuse-association": ("110126", "Node Authentication"),
    "begin-emergency": ("110127", "Emergency Override Started"),
    "end-emergency": ("110138", "Emergency Override Stopped"),
    "grant-study": ("110137", "User Security Attributes Changed"),
    "revoke-grant": ("110137", "User Security Attributes Changed"),
    "create-token": ("110137", "User Security Attributes Changed"),
    "make-link": ("110136", "Security Roles Changed"),
    "revoke-link": ("110136", "Security Roles Changed"),
}
_SOURCE_ROLE, _DESTINATION_ROLE = ("110153", "Source Role ID"), ("110152", "Destination Role ID")
_APPLICATION = ("110150", "Application")


def audit_message(event: AuditEvent, *, source: str) -> bytes:
    """Return the message of a record.

    Parameters
    ----------
    event
        the record
    source
        this system's name, as the receiver knows it

    Returns
    -------
    UTF-8, with its XML declaration
    """
    root = ET.Element("AuditMessage")
    identification = ET.SubElement(
        root,
        "EventIdentification",
        EventActionCode=event.action,
        EventDateTime=event.recorded_at.isoformat(),
        EventOutcomeIndicator=str(event.outcome),
    )
    _code(identification, "EventID", event.event_id, EVENTS.get(event.event_id, "Unknown"))
    if event.act in TYPES:
        _code(identification, "EventTypeCode", *TYPES[event.act])
    else:
        _code(identification, "EventTypeCode", event.act, event.act, system="Twinsight")
    _participants(root, event, source)
    audit_source = ET.SubElement(root, "AuditSourceIdentification", AuditSourceID=source)
    # 4: an application server.
    ET.SubElement(audit_source, "AuditSourceTypeCode", {"csd-code": "4"})
    _objects(root, event)
    message: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return message


def _participants(root: ET.Element, event: AuditEvent, source: str) -> None:
    person = ET.SubElement(
        root,
        "ActiveParticipant",
        UserID=event.actor_name or "anonymous",
        UserIsRequestor="true",
    )
    if event.token_hint:
        person.set("AlternativeUserID", event.token_hint)
    if event.address:
        # 2: an IP address (PS3.15 A.5.1, Network Access Point Type Code).
        person.set("NetworkAccessPointID", str(event.address))
        person.set("NetworkAccessPointTypeCode", "2")
    if event.event_id in {"110102", "110104", "110106"}:
        _code(person, "RoleIDCode", *_DESTINATION_ROLE)
    archive = ET.SubElement(root, "ActiveParticipant", UserID=source, UserIsRequestor="false")
    role = _SOURCE_ROLE if event.event_id in {"110102", "110104", "110106"} else _APPLICATION
    _code(archive, "RoleIDCode", *role)


def _objects(root: ET.Element, event: AuditEvent) -> None:
    if event.study_instance_uid:
        study = ET.SubElement(
            root,
            "ParticipantObjectIdentification",
            ParticipantObjectID=event.study_instance_uid,
            ParticipantObjectTypeCode="2",
            ParticipantObjectTypeCodeRole="3",
        )
        _code(study, "ParticipantObjectIDTypeCode", "110180", "Study Instance UID")
        _details(study, event)
    elif event.details:
        # A query (24), or what else was done: its details as they stand in the trail.
        thing = ET.SubElement(
            root,
            "ParticipantObjectIdentification",
            ParticipantObjectID=event.act,
            ParticipantObjectTypeCode="2",
            ParticipantObjectTypeCodeRole="24" if event.event_id == "110112" else "13",
        )
        _code(thing, "ParticipantObjectIDTypeCode", event.act, event.act, system="Twinsight")
        _details(thing, event)


def _details(parent: ET.Element, event: AuditEvent) -> None:
    text = json.dumps(event.details, sort_keys=True).encode()
    if event.event_id == "110112":
        query = ET.SubElement(parent, "ParticipantObjectQuery")
        query.text = base64.b64encode(text).decode()
    elif event.details:
        detail = ET.SubElement(parent, "ParticipantObjectDetail")
        detail.set("type", "details")
        detail.set("value", base64.b64encode(text).decode())


def _code(parent: ET.Element, tag: str, code: str, meaning: str, *, system: str = "DCM") -> None:
    ET.SubElement(
        parent,
        tag,
        {"csd-code": code, "codeSystemName": system, "originalText": meaning},
    )

"""Records of the audit trail as FHIR resources, for those who may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from archive.audit.fhir import fhir_audit_event
from archive.audit.trail import record_trail_read
from archive.fhir.moments import instant
from archive.fhir.registry import Kind, Parameter, Resource, Scene, named, reference
from archive.query.criteria.audit_events import audit_events_by_keys, search_audit_events
from archive.query.criteria.types import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models import AuditEvent
    from archive.query.criteria.types import Criterion, Slice


def _read(scene: Scene, keys: Sequence[str]) -> list[Resource]:
    return [_resource(row) for row in audit_events_by_keys(scene.user, keys)]


def _search(scene: Scene, criteria: Sequence[Criterion], wanted: Slice) -> Found[Resource]:
    found = search_audit_events(scene.user, criteria, wanted)
    return Found([_resource(row) for row in found], found.following, found.total)


def _resource(row: AuditEvent) -> Resource:
    resource = fhir_audit_event(row, source=str(settings.TWINSIGHT_AE_TITLE))
    return {**resource, "meta": {"lastUpdated": instant(row.recorded_at)}}


def _note_read(scene: Scene, resource: Resource) -> None:
    record_trail_read(scene.asker, act="read-audit", filters={"event": resource["id"]})


AUDIT_EVENT = Kind(
    name="AuditEvent",
    about="Who did what, for auditors and radiology admins, within their projects. Chains go over"
    " studies that the asker may see.",
    parameters=named(
        (
            Parameter("date", "date", "When it was recorded", "AuditEvent-date"),
            Parameter("action", "token", "C, R, U, D or E", "AuditEvent-action"),
            Parameter("address", "string", "The beginning of the address", "AuditEvent-address"),
            Parameter(
                "agent-name",
                "string",
                "The beginning of the account's name",
                "AuditEvent-agent-name",
            ),
            Parameter("altid", "token", "The token that was used", "AuditEvent-altid"),
            reference(
                "entity",
                "What it was about: a study",
                definition="AuditEvent-entity",
                targets=("ImagingStudy",),
            ),
            Parameter("outcome", "token", "0, 4 or 8", "AuditEvent-outcome"),
            reference(
                "patient",
                "Whose studies it was about",
                definition="AuditEvent-patient",
                targets=("Patient",),
            ),
            Parameter("subtype", "token", "The act", "AuditEvent-subtype"),
            Parameter("type", "token", "DICOM's code of the event", "AuditEvent-type"),
        )
    ),
    read=_read,
    search=_search,
    note_read=_note_read,
    orders=("date", "_lastUpdated"),
    summary=frozenset(
        {"type", "subtype", "action", "recorded", "outcome", "agent", "source", "entity"}
    ),
    mandatory=frozenset({"type", "recorded", "agent", "source"}),
)

"""The archive's own kinds of resources."""

from __future__ import annotations

from archive.fhir.audit_events import AUDIT_EVENT
from archive.fhir.endpoints import ENDPOINT
from archive.fhir.patients import PATIENT
from archive.fhir.registry import register_kind
from archive.fhir.studies import STUDY


def fill_kinds() -> None:
    """Offer them; once, when the program starts."""
    for kind in (PATIENT, STUDY, ENDPOINT, AUDIT_EVENT):
        register_kind(kind)

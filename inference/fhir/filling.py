"""The kinds of resources that the AI has."""

from __future__ import annotations

from archive.fhir.registry import register_kind
from inference.fhir.observations import OBSERVATION
from inference.fhir.reports import REPORT


def fill_kinds() -> None:
    """Offer them; once, when the program starts."""
    register_kind(REPORT)
    register_kind(OBSERVATION)

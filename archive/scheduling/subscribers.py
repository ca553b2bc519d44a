"""One line an event: studies that arrive move what was scheduled."""

from __future__ import annotations

from archive.events.services import subscribe
from archive.events.types import InstancesStored
from archive.scheduling.services import note_arrivals


def note_arrived_studies(event: InstancesStored) -> None:
    """Start the steps of studies that arrive."""
    note_arrivals(event.study_ids)


def subscribe_all() -> None:
    """Subscribe to the archive's events."""
    subscribe(InstancesStored, note_arrived_studies)

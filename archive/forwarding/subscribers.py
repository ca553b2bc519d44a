"""One line an event: what arrives goes on to peers, and earlier studies are asked for."""

from __future__ import annotations

from archive.events.services import subscribe
from archive.events.types import InstancesStored, StepsScheduled
from archive.forwarding.prefetching import note_arrived_studies, note_scheduled_steps
from archive.forwarding.queueing import queue_arrivals


def forward_arrivals(event: InstancesStored) -> None:
    """Queue the new instances for the peers that the rules name."""
    queue_arrivals(event.instance_ids)


def prefetch_for_arrivals(event: InstancesStored) -> None:
    """Ask peers for earlier studies of the patients who are examined now."""
    note_arrived_studies(event.study_ids)


def prefetch_for_steps(event: StepsScheduled) -> None:
    """Ask peers for earlier studies of the patients who are expected."""
    note_scheduled_steps(event.step_ids)


def subscribe_all() -> None:
    """Subscribe to the archive's events."""
    subscribe(InstancesStored, forward_arrivals)
    subscribe(InstancesStored, prefetch_for_arrivals)
    subscribe(StepsScheduled, prefetch_for_steps)

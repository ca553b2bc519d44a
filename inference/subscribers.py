"""One line an event: which task the archive's announcements start."""

from archive.events.services import subscribe
from archive.events.types import InstancesStored
from inference.runs.services import queue_runs_for_series


def handle_instances_stored(event: InstancesStored) -> None:
    """Queue the models that the routing rules want; beat hands them out when due."""
    queue_runs_for_series(event.series_ids)


def subscribe_all() -> None:
    """Subscribe the inference rooms to the archive's events."""
    subscribe(InstancesStored, handle_instances_stored)

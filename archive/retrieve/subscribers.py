"""One line an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.events.services import subscribe
from archive.events.types import InstancesStored

if TYPE_CHECKING:
    from archive.events.types import Event

_BATCH = 100


def subscribe_all() -> None:
    """Fill the metadata cache after each store."""
    subscribe(InstancesStored, fill_metadata_of)


def fill_metadata_of(event: Event) -> None:
    """Enqueue the new instances in batches that fit a task's time limit.

    Parameters
    ----------
    event
        an InstancesStored
    """
    from archive.retrieve.tasks import fill_metadata_task  # noqa: PLC0415 tasks need settings

    if isinstance(event, InstancesStored):
        for start in range(0, len(event.instance_ids), _BATCH):
            fill_metadata_task.delay(event.instance_ids[start : start + _BATCH])

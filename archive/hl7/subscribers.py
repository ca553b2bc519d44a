"""One line an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from archive.events.services import subscribe
from archive.events.types import InstancesStored

if TYPE_CHECKING:
    from archive.events.types import Event


def subscribe_all() -> None:
    """Tell other systems of verified reports after each store."""
    subscribe(InstancesStored, queue_results_of)


def queue_results_of(event: Event) -> None:
    """Have new reports looked at, where results go anywhere."""
    from archive.hl7.tasks import queue_results_task  # noqa: PLC0415 tasks need settings

    if isinstance(event, InstancesStored) and settings.TWINSIGHT_HL7_RESULTS_TO:
        queue_results_task.apply_async((event.instance_ids,), queue="default")

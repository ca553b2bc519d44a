"""What the archive announces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """Root of the typed events; the payload is plain JSON of keys, never of images."""

    kind: ClassVar[str] = ""

    def payload(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class InstancesStored(Event):
    """New instances are in the archive; keys of rows."""

    kind: ClassVar[str] = "instances_stored"

    instance_ids: list[int]
    series_ids: list[int]
    study_ids: list[int]


@dataclass(frozen=True)
class InstancesWithheld(Event):
    """Instances were deleted or rejected; or are shown again, that being undone."""

    kind: ClassVar[str] = "instances_withheld"

    instance_ids: list[int]
    series_ids: list[int]
    study_ids: list[int]
    is_shown: bool


@dataclass(frozen=True)
class StepsScheduled(Event):
    """Procedure steps are scheduled: their patients are expected; keys of rows."""

    kind: ClassVar[str] = "steps_scheduled"

    step_ids: list[int]


EVENT_TYPES: dict[str, type[Event]] = {
    event.kind: event for event in (InstancesStored, InstancesWithheld, StepsScheduled)
}

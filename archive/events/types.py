"""What the archive announces."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Event:
    """Root of the typed events; the payload is plain JSON of keys, never of images."""

    kind: ClassVar[str] = ""
    # Whether several that follow each other may be told as one; all fields are lists of keys then.
    is_mergeable: ClassVar[bool] = False

    @classmethod
    def merged(cls, events: Sequence[Self]) -> Self:
        """Return one event that says what all of them say, each key once."""
        if len(events) == 1:
            return events[0]
        payloads = [event.payload() for event in events]
        return cls(
            **{
                field.name: list(dict.fromkeys(key for one in payloads for key in one[field.name]))
                for field in fields(cls)
            }
        )

    def payload(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class InstancesStored(Event):
    """New instances are in the archive; keys of rows."""

    kind: ClassVar[str] = "instances_stored"
    is_mergeable: ClassVar[bool] = True

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
class StudiesCorrected(Event):
    """What is said of stored objects was corrected, or a correction undone; keys of rows.

    ``series_ids`` are those that went to another study.
    """

    kind: ClassVar[str] = "studies_corrected"
    is_mergeable: ClassVar[bool] = True

    study_ids: list[int]
    series_ids: list[int]


@dataclass(frozen=True)
class StudiesGranted(Event):
    """Studies were shown to accounts beside their roles; keys of grants."""

    kind: ClassVar[str] = "studies_granted"

    grant_ids: list[int]


@dataclass(frozen=True)
class EmergenciesBegan(Event):
    """Patients were opened in an emergency; keys of the accesses."""

    kind: ClassVar[str] = "emergencies_began"

    emergency_ids: list[int]


@dataclass(frozen=True)
class StepsScheduled(Event):
    """Procedure steps are scheduled: their patients are expected; keys of rows."""

    kind: ClassVar[str] = "steps_scheduled"

    step_ids: list[int]


EVENT_TYPES: dict[str, type[Event]] = {
    event.kind: event
    for event in (
        InstancesStored,
        InstancesWithheld,
        StudiesCorrected,
        StudiesGranted,
        EmergenciesBegan,
        StepsScheduled,
    )
}

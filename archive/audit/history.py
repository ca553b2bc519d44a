"""What the trail says of one study, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.models import AuditEvent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

READING, CHANGING = "reading", "changing"
_MOST = 200


@dataclass(frozen=True)
class StudyEvent:
    """One line of the trail."""

    key: int
    at: datetime
    who: str
    act: str
    door: str
    address: str
    token_hint: str
    is_refused: bool
    details: Mapping[str, Any]


def events_of_study(
    study_instance_uid: str, *, kind: str = "", before: int | None = None, most: int = 50
) -> list[StudyEvent]:
    """Return events of a study; rights are the caller's matter.

    ``kind`` narrows to what read or to what changed something, ``before`` to events older than
    that key: the trail only grows, so keys make a page that stays where it is.
    """
    rows = AuditEvent.objects.filter(study_instance_uid=study_instance_uid).order_by("-pk")
    if kind == READING:
        rows = rows.filter(action=AuditEvent.Action.READ)
    elif kind == CHANGING:
        rows = rows.exclude(action=AuditEvent.Action.READ)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [_line(row) for row in rows[: min(max(most, 1), _MOST)]]


def _line(row: AuditEvent) -> StudyEvent:
    return StudyEvent(
        key=row.pk,
        at=row.recorded_at,
        who=row.actor_name,
        act=row.act,
        door=row.door,
        address=str(row.address or ""),
        token_hint=row.token_hint,
        is_refused=row.outcome != AuditEvent.Outcome.SUCCESS,
        details=row.details,
    )

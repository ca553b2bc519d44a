"""Work that was tried again by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_queue_retried(asker: Asker, *, queue: str, number: int) -> None:
    """Application Activity (110100): a queue's failures were tried again."""
    details = {"queue": queue, "number": number}
    _record(asker, "110100", "retry-queue", Action.EXECUTE, details=details)

"""What pages and metrics say about work and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from django.utils.functional import _StrPromise

    from archive.audit.types import Asker


@dataclass(frozen=True)
class QueueState:
    """How much work waits, runs, hangs and has failed.

    ``stuck`` is work whose worker is gone: its lease is over and nobody has brought it back yet.
    """

    waiting: int = 0
    running: int = 0
    stuck: int = 0
    failed: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True)
class WorkQueue:
    """A queue of rows: how it stands, where it is looked at, and how what failed is tried again."""

    name: str
    label: str | _StrPromise
    state: Callable[[], QueueState]
    url_name: str = ""
    # Tries again what failed and frees what is stuck; answers how much that was.
    retry: Callable[[Asker], int] | None = None


@dataclass(frozen=True)
class Day:
    """What arrived on a day."""

    day: date
    studies: int
    series: int
    instances: int
    stored_bytes: int
    # Studies by modality; one of two modalities counts in both.
    modalities: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Share:
    """What a project or a modality holds."""

    name: str
    studies: int
    instances: int
    stored_bytes: int
    percent: float

"""The message broker and the workers that listen to it: asked now, never for long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery import current_app
from django.core.cache import cache
from kombu.exceptions import OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterable

QUEUES = ("default", "transfers", "uploads", "inference", "cpu", "gpu", "gpu-large")
_PING_S = 1.0
_KEPT_S = 10
_KEY = "statistics:workers"


@dataclass(frozen=True)
class Worker:
    """A worker that answered: its name, what it listens to, how much it does now."""

    name: str
    queues: tuple[str, ...]
    active: int


def message_counts(names: Iterable[str] = QUEUES) -> dict[str, int] | None:
    """Return how many messages wait in each queue; None where the broker does not answer."""
    try:
        with current_app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=1)
            channel: Any = connection.default_channel
            return {name: int(channel.client.llen(name)) for name in names}
    except (OperationalError, OSError):
        return None


def workers() -> list[Worker]:
    """Return the workers that answer within a second; asked at most every ten seconds."""
    known = cache.get(_KEY)
    if known is None:
        known = _ask()
        cache.set(_KEY, known, timeout=_KEPT_S)
    return [Worker(name, tuple(queues), active) for name, queues, active in known]


def _ask() -> list[tuple[str, list[str], int]]:
    try:
        inspect: Any = current_app.control.inspect(timeout=_PING_S)
        listening = inspect.active_queues() or {}
        active = inspect.active() or {}
    except (OperationalError, OSError):
        return []
    return sorted(
        (name, sorted(queue["name"] for queue in queues), len(active.get(name) or ()))
        for name, queues in listening.items()
    )

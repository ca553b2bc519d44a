"""Announce: a typed event is written with the change itself, and told to subscribers later."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from archive.events.types import EVENT_TYPES, Event
from archive.models import OutboxEvent

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

NUDGE_PAUSE_S = 1.0
_last_nudge: dict[str, float] = {}

_subscribers: dict[str, list[Callable[[Any], None]]] = defaultdict(list)


def subscribe(event_type: type[Event], handler: Callable[[Any], None]) -> None:
    """Call the handler with each event of the type, at least once; handlers are idempotent."""
    if handler not in _subscribers[event_type.kind]:
        _subscribers[event_type.kind].append(handler)


def publish(event: Event) -> None:
    """Write the event to the outbox inside the caller's transaction, and nudge after commit."""
    if not transaction.get_connection().in_atomic_block:
        message = "An event is published inside the transaction of the change it announces."
        raise transaction.TransactionManagementError(message)
    OutboxEvent.objects.create(kind=event.kind, payload=event.payload())
    transaction.on_commit(nudge, robust=True)


def nudge() -> None:
    """Ask for a relay now, once a second at most: a nudge costs as much as half a store.

    What comes within that second is told by the scheduler's next round.
    """
    from archive.events.tasks import relay_outbox_task  # noqa: PLC0415 tasks import services

    now = time.monotonic()
    if now - _last_nudge.get("at", float("-inf")) < NUDGE_PAUSE_S:
        return
    _last_nudge["at"] = now
    try:
        relay_outbox_task.apply_async(retry=False, ignore_result=True)
    except Exception:  # noqa: BLE001 a broker that is down costs seconds, never the change
        logger.warning("broker not reachable; the outbox waits for the next beat")


def relay_outbox(*, batch_size: int = 200) -> int:
    """Tell subscribers of events not yet announced; return how many were told.

    What came in a burst is told as one event where the type allows that: a handler's work for
    one instance costs more than storing it. Each is handled in a transaction of its own; those
    that fail together are told one by one, and one that fails alone stays for the next round and
    does not hold up the others.
    """
    rows = OutboxEvent.objects.filter(published_at__isnull=True).values_list("kind", "pk")
    told = 0
    for kind, run in groupby(rows[:batch_size], key=itemgetter(0)):
        keys = [key for _, key in run]
        event_type = EVENT_TYPES.get(kind)
        if event_type is not None and event_type.is_mergeable:
            told += _relay(keys)
        else:
            told += sum(_relay([key]) for key in keys)
    return told


def _relay(keys: list[int]) -> int:
    """Tell of events of one kind together."""
    try:
        with transaction.atomic():
            rows = list(
                OutboxEvent.objects.select_for_update(skip_locked=True)
                .filter(pk__in=keys, published_at__isnull=True)
                .order_by("pk")
            )
            if not rows:
                return 0
            event_type = EVENT_TYPES[rows[0].kind]
            event = event_type.merged([event_type(**row.payload) for row in rows])
            for handler in _subscribers[rows[0].kind]:
                handler(event)
            OutboxEvent.objects.filter(pk__in=[row.pk for row in rows]).update(
                published_at=timezone.now()
            )
    except Exception as error:
        if len(keys) > 1:
            logger.warning("events could not be relayed together; one by one then")
            return sum(_relay([key]) for key in keys)
        logger.exception("event could not be relayed", extra={"event": keys[0]})
        OutboxEvent.objects.filter(pk__in=keys).update(
            attempts=F("attempts") + 1, last_error=type(error).__name__
        )
        return 0
    return len(rows)

"""Take what is due for a peer, and put down what became of it; a worker that dies loses nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from archive.forwarding.matching import next_opening
from archive.models import Forward, Peer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

LEASE = timedelta(minutes=6)
BATCH_INSTANCES, BATCH_BYTES = 50, 256 * 1024 * 1024
MAX_ATTEMPTS = 20
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=15), timedelta(hours=1)
_State = Forward.State


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: doubled each time, an hour at most."""
    doubled: timedelta = _FIRST_PAUSE * 2 ** min(attempts, 12)
    return min(doubled, _LONGEST_PAUSE)


def bring_back_lost() -> int:
    """Let what a dead worker held wait again; return how many rows that were."""
    now = timezone.now()
    lost = Forward.objects.filter(state=_State.SENDING, lease_until__lte=now)
    return lost.update(state=_State.WAITING, lease_until=None, not_before=now)


def peers_with_due() -> list[int]:
    """Return the peers for which something is due and to which nobody is sending."""
    now = timezone.now()
    due = Forward.objects.filter(state=_State.WAITING, not_before__lte=now)
    busy = Forward.objects.filter(state=_State.SENDING).values("peer")
    wanted = due.filter(peer__is_enabled=True).exclude(peer__in=busy)
    return list(wanted.order_by().values_list("peer", flat=True).distinct())


def claim_batch(peer: Peer) -> list[Forward]:
    """Take the next instances for a peer, oldest first; none where all is done or elsewhere.

    What a rule's hours forbid now is put off, and what may not leave any more is cancelled.
    """
    now = timezone.now()
    with transaction.atomic():
        due = (
            Forward.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("rule", "requested_by", "instance__blob", "instance__series__study")
            .filter(peer=peer, state=_State.WAITING, not_before__lte=now)
            .order_by("pk")
        )
        rows = [row for row in due[:BATCH_INSTANCES] if _may_go(row, now)]
        taken = _within_bytes(rows)
        Forward.objects.filter(pk__in=[row.pk for row in taken]).update(
            state=_State.SENDING, lease_until=now + LEASE, attempts=F("attempts") + 1
        )
    return taken


def _may_go(row: Forward, now: datetime) -> bool:
    opening = next_opening(row.rule, now)
    if opening > now:
        Forward.objects.filter(pk=row.pk).update(not_before=opening)
        return False
    series = row.instance.series
    if row.instance.withheld or series.withheld or series.study.withheld:
        _end([row.pk], _State.CANCELLED, "It was withdrawn before it was sent.")
        return False
    return True


def _within_bytes(rows: Sequence[Forward]) -> list[Forward]:
    taken: list[Forward] = []
    size = 0
    for row in rows:
        size += row.instance.blob.size_bytes
        if taken and size > BATCH_BYTES:
            break
        taken.append(row)
    return taken


def note_sent(keys: Iterable[int]) -> None:
    """Put down that the peer has these."""
    _end(keys, _State.SENT, "")


def note_refused(key: int, message: str) -> None:
    """Put down that the peer will not take this one."""
    _end([key], _State.FAILED, message)


def put_off(keys: Sequence[int], message: str) -> None:
    """Let these wait for another attempt, later each time; after the last one they failed."""
    mine = Forward.objects.filter(pk__in=keys, state=_State.SENDING)
    for attempts in set(mine.values_list("attempts", flat=True)):
        rows = mine.filter(attempts=attempts)
        if attempts >= MAX_ATTEMPTS:
            _end(list(rows.values_list("pk", flat=True)), _State.FAILED, message)
            continue
        rows.update(
            state=_State.WAITING,
            lease_until=None,
            not_before=timezone.now() + pause_after(attempts),
            message=message[:500],
        )


def put_off_peer(peer: Peer, message: str) -> None:
    """Let everything that is due for a peer wait: it does not answer."""
    now = timezone.now()
    due = Forward.objects.filter(peer=peer, state=_State.WAITING, not_before__lte=now)
    Forward.objects.filter(pk__in=list(due.values_list("pk", flat=True)[:100_000])).update(
        attempts=F("attempts") + 1, not_before=now + _FIRST_PAUSE * 4, message=message[:500]
    )


def give_back(keys: Sequence[int]) -> None:
    """Let these wait again at once: the worker stops before it came to them."""
    mine = Forward.objects.filter(pk__in=keys, state=_State.SENDING)
    mine.update(
        state=_State.WAITING,
        lease_until=None,
        not_before=timezone.now(),
        attempts=F("attempts") - 1,
    )


def _end(keys: Iterable[int], state: str, message: str) -> None:
    rows = Forward.objects.filter(pk__in=list(keys)).filter(
        state__in=(_State.WAITING, _State.SENDING)
    )
    rows.update(state=state, lease_until=None, finished_at=timezone.now(), message=message[:500])

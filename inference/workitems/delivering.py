"""Bring events to their subscribers: N-EVENT-REPORT on an association that the archive opens."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role
from pynetdicom.dsutils import encode

from archive.errors import ArchiveError, NotVisibleError
from archive.forwarding.dimse_association import associate
from archive.models import Peer
from inference.models import WorkitemChannel, WorkitemEvent
from inference.workitems.selectors import find_workitem
from inference.workitems.tags import UPS_EVENT, UPS_PUSH

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from pynetdicom.association import Association

logger = logging.getLogger(__name__)

_BATCH = 100
_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(hours=1)
# Older news is no news: a subscriber asks for the state of what it missed.
_MAX_AGE = timedelta(days=2)
# Longer than a delivery may take: after it, a worker is gone and its events are due again.
_LEASE = timedelta(seconds=150)
_MESSAGE_IDS = 65535
_LOST = "The connection was lost before the subscriber answered."


def subscribers_with_due() -> list[str]:
    """Return the AE titles that have events to be told, and forget events that are too old."""
    now = timezone.now()
    open_events = WorkitemEvent.objects.filter(delivered_at__isnull=True)
    open_events.filter(created_at__lt=now - _MAX_AGE).delete()
    due = _without_channel(open_events).filter(not_before__lte=now)
    return sorted(due.values_list("subscription__ae_title", flat=True).order_by().distinct())


def deliver_to(ae_title: str, *, for_s: float = 30.0) -> int:
    """Tell one application entity what is due, in order, until all is told or the time is up.

    Returns
    -------
    how many events it took
    """
    end = time.monotonic() + for_s
    peer = _peer(ae_title)
    told = 0
    while time.monotonic() < end:
        batch = claim_events(_without_channel(_of(ae_title)))
        if not batch:
            break
        try:
            if peer is None:
                _put_off(batch, f"No peer is registered as {ae_title}.")
                break
            count = _deliver(peer, batch, end)
        except ArchiveError as error:
            _put_off(batch, error.message)
            break
        told += count
        if count < len(batch):
            break
    return told


def _peer(ae_title: str) -> Peer | None:
    rows = Peer.objects.filter(ae_title=ae_title, is_enabled=True, protocol=Peer.Protocol.DIMSE)
    return rows.filter(port__isnull=False).order_by("pk").first()


def _of(ae_title: str) -> QuerySet[WorkitemEvent]:
    return WorkitemEvent.objects.filter(subscription__ae_title=ae_title, delivered_at__isnull=True)


def _without_channel(events: QuerySet[WorkitemEvent]) -> QuerySet[WorkitemEvent]:
    """Leave out what a WebSocket that is open tells: nobody hears it twice."""
    live = WorkitemChannel.objects.filter(
        ae_title=OuterRef("subscription__ae_title"),
        account=OuterRef("subscription__subscribed_by"),
        alive_until__gt=timezone.now(),
    )
    return events.filter(~Exists(live))


def claim_events(events: QuerySet[WorkitemEvent], *, most: int = _BATCH) -> list[WorkitemEvent]:
    """Take the oldest of these events for this process; none while those are with another."""
    now = timezone.now()
    with transaction.atomic():
        rows = events.select_for_update(of=("self",))
        batch = list(rows.select_related("subscription__subscribed_by").order_by("pk")[:most])
        if not batch or batch[0].not_before > now:
            return []
        keys = [event.pk for event in batch]
        WorkitemEvent.objects.filter(pk__in=keys).update(not_before=now + _LEASE)
    return batch


def give_back(batch: list[WorkitemEvent]) -> None:
    """Let others tell it, at once."""
    keys = [event.pk for event in batch]
    WorkitemEvent.objects.filter(pk__in=keys).update(not_before=timezone.now())


def _deliver(peer: Peer, batch: list[WorkitemEvent], end: float) -> int:
    """Send one batch on one association; return how many were taken before it was lost."""
    # The archive opens the association, and is the provider of the class on it all the same.
    context = build_context(UPS_EVENT)
    role = build_role(UPS_EVENT, scp_role=True)
    told = 0
    with associate(peer, [context], negotiation=[role]) as association:
        for number, event in enumerate(batch):
            if time.monotonic() >= end:
                give_back(batch[number:])
                break
            if not is_still_heard(event):
                note_dropped(event)
                told += 1
                continue
            information = _information(event)
            if information is None:
                _note_unwritable(event)
                told += 1
                continue
            status = _report(association, event, information, number % _MESSAGE_IDS + 1)
            if status is None:
                _put_off(batch[number:], _LOST)
                break
            _note(event, status)
            told += 1
    return told


def is_still_heard(event: WorkitemEvent) -> bool:
    """Whether who subscribed may still see the workitem: rights may have changed since."""
    user = event.subscription.subscribed_by
    try:
        find_workitem(user, event.workitem_uid)
    except NotVisibleError:
        return False
    return bool(user.is_active)


def note_dropped(event: WorkitemEvent) -> None:
    """Let an event go that is not the subscriber's any more."""
    WorkitemEvent.objects.filter(pk=event.pk).update(
        delivered_at=timezone.now(), message="The workitem is outside the subscriber's rights."
    )


def _information(event: WorkitemEvent) -> Dataset | None:
    """Return what is told; None where somebody's workitem holds what no data set can."""
    try:
        information = Dataset.from_json(event.information)
        written = encode(information, is_implicit_vr=True, is_little_endian=True)
    except Exception:  # noqa: BLE001 pydicom raises what it likes, and others wait behind it
        return None
    return information if written is not None else None


def _report(
    association: Association, event: WorkitemEvent, information: Dataset, message_id: int
) -> int | None:
    if not association.is_established:
        return None
    answer, _ = association.send_n_event_report(
        information,
        event.event_type,
        UPS_PUSH,
        event.workitem_uid,
        msg_id=message_id,
        meta_uid=UPS_EVENT,
    )
    return int(answer.Status) if answer and "Status" in answer else None


def _note(event: WorkitemEvent, status: int) -> None:
    """Write down what the subscriber said; what it refuses is not sent again."""
    message = f"It answers {status:04X}H." if status else ""
    WorkitemEvent.objects.filter(pk=event.pk).update(
        delivered_at=timezone.now(), attempts=F("attempts") + 1, message=message
    )


def _note_unwritable(event: WorkitemEvent) -> None:
    """Let an event go that can't be told: those behind it can."""
    WorkitemEvent.objects.filter(pk=event.pk).update(
        delivered_at=timezone.now(), message="It holds values that can't be written as DICOM."
    )


def _put_off(batch: list[WorkitemEvent], message: str) -> None:
    """Try all of them later, so that their order holds: the first one's attempts say when."""
    now = timezone.now()
    pause = min(_FIRST_PAUSE * 2 ** min(batch[0].attempts, 20), _LONGEST_PAUSE)
    keys = [event.pk for event in batch]
    logger.warning("workitem events not delivered", extra={"events": len(keys)})
    WorkitemEvent.objects.filter(pk__in=keys).update(
        attempts=F("attempts") + 1, not_before=now + pause, message=message[:255]
    )

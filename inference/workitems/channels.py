"""WebSockets on which subscribers are told (PS3.18 8.10): who holds one, and what is due on it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from archive.audit import workitems as audit
from archive.errors import NotVisibleError
from archive.models.turns import take_turn
from inference.models import WorkitemChannel, WorkitemEvent
from inference.workitems.delivering import claim_events, is_still_heard, note_dropped
from inference.workitems.elements import element
from inference.workitems.tags import UPS_PUSH

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from archive.audit.types import Asker

# A channel that isn't renewed for so long is gone; its process was killed.
LEASE = timedelta(seconds=90)
_BATCH = 50
_MESSAGE_IDS = 65535
# Under which the channels of an entity and account are opened.
_LOCK = 0x54575743


@dataclass(frozen=True)
class Channel:
    """One open WebSocket: for which application entity, of whose account, and which one it is."""

    ae_title: str
    account_id: int
    holder: uuid.UUID


def open_channel(*, asker: Asker, ae_title: str, came_at: datetime | None = None) -> Channel:
    """Let an account hear on a WebSocket what its subscriptions for an entity bring.

    One that it had open for this entity before loses its hold: `keep_channel` says so. Of two that
    open beside each other the one that came later (`came_at`, by default now) holds it.

    Raises
    ------
    NotVisibleError
        Nobody is signed in.
    """
    user = asker.user
    if user is None or not user.is_authenticated or user.pk is None:
        raise NotVisibleError("There is no such subscriber.")
    channel = Channel(ae_title, user.pk, uuid.uuid4())
    now = timezone.now()
    opened_at = came_at or now
    with transaction.atomic():
        # A row that another has just written, and deletes again before it is read, can be neither
        # inserted nor found.
        take_turn(_LOCK, f"{user.pk} {ae_title}")
        former = WorkitemChannel.objects.filter(
            ae_title=ae_title, account_id=user.pk, alive_until__gt=now
        )
        if not former.filter(opened_at__gt=opened_at).exists():
            takes_over = former.exists()
            WorkitemChannel.objects.update_or_create(
                ae_title=ae_title,
                account_id=user.pk,
                defaults={
                    "holder": channel.holder,
                    "opened_at": opened_at,
                    "alive_until": now + LEASE,
                },
            )
            # What could not be brought by DICOM waits no longer; nor does what the former one had
            # in hand when it, or its process, was lost.
            due = _due(channel)
            (due if takes_over else due.filter(attempts__gt=0)).update(not_before=now)
        audit.record_workitem_subscription(
            asker, act="open-workitem-channel", ae_title=ae_title, uid=""
        )
    return channel


def keep_channel(channel: Channel) -> bool:
    """Say that it is open; False where another connection took its place."""
    return bool(_rows(channel).update(alive_until=timezone.now() + LEASE))


def close_channel(channel: Channel) -> None:
    """Forget it: what is due goes by DICOM again, or waits for the next WebSocket."""
    _rows(channel).delete()


def next_events(channel: Channel) -> list[WorkitemEvent]:
    """Take what is due on a channel, the oldest first; what its account sees no more is dropped."""
    if not _rows(channel).exists():
        return []
    told = []
    for event in claim_events(_due(channel), most=_BATCH):
        if is_still_heard(event):
            told.append(event)
        else:
            note_dropped(event)
    return told


def note_told(events: list[WorkitemEvent]) -> None:
    """Write down that the subscriber's end has them."""
    keys = [event.pk for event in events]
    WorkitemEvent.objects.filter(pk__in=keys).update(delivered_at=timezone.now(), message="")


def event_json(event: WorkitemEvent) -> dict[str, Any]:
    """Return an event as the text of a frame: the attributes of N-EVENT-REPORT and its own."""
    command = {
        "00000002": element("UI", UPS_PUSH),
        "00000110": element("US", event.pk % _MESSAGE_IDS + 1),
        "00001000": element("UI", event.workitem_uid),
        "00001002": element("US", event.event_type),
    }
    return dict(sorted({**event.information, **command}.items()))


def _rows(channel: Channel) -> QuerySet[WorkitemChannel]:
    return WorkitemChannel.objects.filter(
        ae_title=channel.ae_title, account_id=channel.account_id, holder=channel.holder
    )


def _due(channel: Channel) -> QuerySet[WorkitemEvent]:
    return WorkitemEvent.objects.filter(
        subscription__ae_title=channel.ae_title,
        subscription__subscribed_by=channel.account_id,
        delivered_at__isnull=True,
    )

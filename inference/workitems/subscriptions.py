"""Who is told of workitems: registered peers, of one, of all, or of those that match a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from archive.access.selectors import may_label_any
from archive.audit import workitems as audit
from archive.dicom.matching import compile_keys
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import Peer
from inference.models import Run, Workitem, WorkitemSubscription
from inference.workitems.errors import SubscriberUnknownError
from inference.workitems.events import tell
from inference.workitems.run_steps import workitem_uid
from inference.workitems.selectors import Found, find_workitem, visible_rows, visible_steps
from inference.workitems.tags import FILTERED_WORKLIST, WORKLIST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from inference.workitems.elements import JsonObject

# So many open workitems a new subscriber to the list is told of at once.
_FIRST_REPORTS = 1000
# Entities of one account that are no registered peers: they hear by WebSocket.
_MOST_UNREGISTERED = 20
_LISTS = {WORKLIST: "", FILTERED_WORKLIST: FILTERED_WORKLIST}


def subscribe(
    *,
    asker: Asker,
    uid: str,
    ae_title: str,
    filters: JsonObject | None = None,
    has_deletion_lock: bool = False,
) -> None:
    """Tell an application entity of a workitem, or of the whole or the filtered list, from now.

    What is there it is told at once. Deletion locks are kept: workitems are not deleted.

    Raises
    ------
    NotVisibleError
        There is no such workitem for the asker.
    NotAllowedError
        The asker only looks, or somebody else subscribed for this application entity.
    SubscriberUnknownError
        No registered peer that can be called has this AE title, and the asker has many such.
    InvalidRequestError
        The filtered list needs a filter, and a filter values that can be.
    """
    user = _signed_in(asker)
    if not may_label_any(user):
        raise NotAllowedError("Your role only allows you to look.")
    if uid == FILTERED_WORKLIST and not filters:
        raise InvalidRequestError("The filtered worklist needs a filter.")
    compile_keys(filters or {})
    found = None if uid in _LISTS else find_workitem(user, uid)
    _require_reachable(user, ae_title)
    _require_own(user, uid, ae_title)
    with transaction.atomic():
        row, _ = WorkitemSubscription.objects.update_or_create(
            ae_title=ae_title,
            workitem_uid=_LISTS.get(uid, uid),
            defaults={
                "filters": filters or {},
                "has_deletion_lock": has_deletion_lock,
                "is_suspended": False,
                "subscribed_by": user,
            },
        )
        audit.record_workitem_subscription(
            asker, act="subscribe-workitems", ae_title=ae_title, uid=row.workitem_uid
        )
        for one in [found] if found is not None else _open(row):
            tell(row, one)


def unsubscribe(*, asker: Asker, uid: str, ae_title: str) -> None:
    """Tell it no more; of the list: of nothing that it has no subscription of its own to.

    Raises
    ------
    NotVisibleError
        There is no such subscription, or workitem, for the asker.
    """
    row = _found(asker, uid, ae_title)
    with transaction.atomic():
        audit.record_workitem_subscription(
            asker, act="unsubscribe-workitems", ae_title=ae_title, uid=row.workitem_uid
        )
        row.delete()


def suspend(*, asker: Asker, uid: str, ae_title: str) -> None:
    """Tell it of no new workitems; errors as of `unsubscribe`."""
    row = _found(asker, uid, ae_title)
    with transaction.atomic():
        row.is_suspended = True
        row.save(update_fields=["is_suspended"])
        audit.record_workitem_subscription(
            asker, act="suspend-workitems", ae_title=ae_title, uid=row.workitem_uid
        )


def _found(asker: Asker, uid: str, ae_title: str) -> WorkitemSubscription:
    user = _signed_in(asker)
    if uid not in _LISTS:
        find_workitem(user, uid)
    rows = WorkitemSubscription.objects.filter(ae_title=ae_title, workitem_uid=_LISTS.get(uid, uid))
    row = rows.first()
    if row is None or not (row.subscribed_by_id == user.pk or user.is_superuser):
        raise NotVisibleError("There is no such subscription.")
    return row


def _require_reachable(user: User, ae_title: str) -> None:
    """Let an account have some entities that are told by WebSocket only."""
    peers = Peer.objects.filter(is_enabled=True, protocol=Peer.Protocol.DIMSE, port__isnull=False)
    if peers.filter(ae_title=ae_title).exists():
        return
    mine = WorkitemSubscription.objects.filter(subscribed_by=user).exclude(ae_title=ae_title)
    others = mine.exclude(ae_title__in=peers.values("ae_title"))
    if others.values("ae_title").order_by().distinct().count() >= _MOST_UNREGISTERED:
        message = f"No peer that can be called is registered as {ae_title[:16]!r}."
        raise SubscriberUnknownError(message)


def _require_own(user: User, uid: str, ae_title: str) -> None:
    """Refuse to take a subscription from another: an entity hears what its subscriber sees."""
    rows = WorkitemSubscription.objects.filter(ae_title=ae_title, workitem_uid=_LISTS.get(uid, uid))
    row = rows.first()
    if row is not None and row.subscribed_by_id != user.pk and not user.is_superuser:
        raise NotAllowedError("Somebody else subscribed for this application entity.")


def _open(row: WorkitemSubscription) -> Iterator[Found]:
    """Yield the workitems of the list that are not over, the newest first, as a filter has them."""
    user = row.subscribed_by
    matches = compile_keys(row.filters)
    states = (Workitem.State.SCHEDULED, Workitem.State.IN_PROGRESS)
    items = visible_rows(user).filter(state__in=states).order_by("-pk")[:_FIRST_REPORTS]
    open_runs = visible_steps(user).filter(state__in=(Run.State.QUEUED, Run.State.RUNNING))
    found = [Found(item.sop_instance_uid, None, item) for item in items]
    found += [
        Found(workitem_uid(run), run, getattr(run, "workitem", None))
        for run in open_runs.order_by("-pk")[:_FIRST_REPORTS]
    ]
    return (one for one in found if matches(one.document(is_full=False)))


def _signed_in(asker: Asker) -> User:
    user = asker.user
    if user is None or not user.is_authenticated:
        raise NotVisibleError("There is no such workitem.")
    return user

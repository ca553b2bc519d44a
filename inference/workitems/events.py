"""Write down what subscribers are to be told (PS3.4 CC.2.4), in the change's own transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from archive.dicom.matching import compile_keys
from archive.errors import InvalidRequestError, NotVisibleError
from inference.models import WorkitemEvent, WorkitemSubscription
from inference.workitems.elements import element, sequence, text_of
from inference.workitems.run_steps import workitem_uid
from inference.workitems.selectors import Found, find_workitem
from inference.workitems.tags import (
    CANCEL_REASON,
    CONTACT_NAME,
    CONTACT_URI,
    DISCONTINUATION_REASON,
    FILTERED_WORKLIST,
    PROGRESS,
    READINESS,
    STATE,
    STATIONS,
)

if TYPE_CHECKING:
    from inference.models import Run
    from inference.workitems.elements import JsonObject

# Who holds WebSockets open is told by the database that there is something to tell, once it is.
CHANNEL = "twinsight_workitem_events"
_NOTIFY = "SELECT pg_notify(%s, title) FROM unnest(%s::text[]) AS title"
STATE_REPORT, CANCEL_REQUESTED, PROGRESS_REPORT, ASSIGNED = 1, 2, 3, 5
_PERFORMERS = "00404034"  # Scheduled Human Performers Sequence


def announce_state(found: Found) -> None:
    """Tell that a workitem is new or in another state."""
    if listeners := _listeners(found):
        _write(listeners, found, STATE_REPORT, state_information(found))


def announce_run(run: Run) -> None:
    """Tell the same of a run: observes `inference.runs`."""
    if WorkitemSubscription.objects.exists():
        announce_state(Found(workitem_uid(run), run, getattr(run, "workitem", None)))


def announce_progress(after: Found, before: JsonObject) -> None:
    """Tell of progress, where an update said something of it."""
    document = after.document(is_full=False)
    if document.get(PROGRESS) == before.get(PROGRESS):
        return
    information = {PROGRESS: document.get(PROGRESS, {"vr": "SQ"})}
    _write(_listeners(after), after, PROGRESS_REPORT, information)


def announce_assignment(after: Found, before: JsonObject) -> None:
    """Tell that somebody else is to do it, where an update said so."""
    document = after.document(is_full=False)
    changed = [tag for tag in (STATIONS, _PERFORMERS) if document.get(tag) != before.get(tag)]
    if changed:
        information = {tag: document.get(tag, {"vr": "SQ"}) for tag in changed}
        _write(_listeners(after), after, ASSIGNED, information)


def announce_cancel_request(found: Found, request: JsonObject, requester: str) -> int:
    """Tell that somebody wants it canceled; return how many subscribers are told."""
    tags = (CANCEL_REASON, CONTACT_URI, CONTACT_NAME, DISCONTINUATION_REASON)
    information = {tag: request[tag] for tag in tags if tag in request}
    information["00741236"] = element("AE", requester[:16])
    listeners = _listeners(found)
    _write(listeners, found, CANCEL_REQUESTED, dict(sorted(information.items())))
    return len(listeners)


def state_information(found: Found) -> JsonObject:
    """Return the information of a UPS State Report."""
    document = found.document(is_full=False)
    said = {
        READINESS: document.get(READINESS, element("CS", "READY")),
        STATE: element("CS", found.state),
    }
    if found.state == "CANCELED":
        said[CANCEL_REASON] = element("LT", text_of(document, PROGRESS, CANCEL_REASON))
        said[DISCONTINUATION_REASON] = sequence()
    return dict(sorted(said.items()))


def tell(subscription: WorkitemSubscription, found: Found) -> None:
    """Tell one subscriber the state of a workitem, as who subscribes learns it first."""
    _write([subscription], found, STATE_REPORT, state_information(found))


def _write(
    listeners: list[WorkitemSubscription], found: Found, event_type: int, information: JsonObject
) -> None:
    if not listeners:
        return
    now = timezone.now()
    WorkitemEvent.objects.bulk_create(
        WorkitemEvent(
            subscription=one,
            workitem_uid=found.uid,
            event_type=event_type,
            information=information,
            not_before=now,
        )
        for one in listeners
    )
    titles = sorted({one.ae_title for one in listeners})
    with connection.cursor() as cursor:
        cursor.execute(_NOTIFY, [CHANNEL, titles])


def _listeners(found: Found) -> list[WorkitemSubscription]:
    """Return one subscription an application entity, of those whose account sees the workitem."""
    places = Q(workitem_uid__in=(found.uid, "", FILTERED_WORKLIST))
    rows = WorkitemSubscription.objects.filter(places).select_related("subscribed_by")
    chosen: dict[str, WorkitemSubscription] = {}
    # Its own subscription counts before one to the list.
    for one in sorted(rows, key=lambda row: row.workitem_uid != found.uid):
        if one.ae_title not in chosen and _hears(one, found):
            chosen[one.ae_title] = one
    return list(chosen.values())


def _hears(subscription: WorkitemSubscription, found: Found) -> bool:
    # Suspended: it is told on of what it knows, and of nothing new.
    if subscription.is_suspended and not _knows(subscription, found.uid):
        return False
    if subscription.workitem_uid == FILTERED_WORKLIST:
        try:
            if not compile_keys(subscription.filters)(found.document(is_full=False)):
                return False
        except InvalidRequestError:
            return False
    try:
        find_workitem(subscription.subscribed_by, found.uid)
    except NotVisibleError:
        return False
    return True


def _knows(subscription: WorkitemSubscription, uid: str) -> bool:
    return subscription.events.filter(workitem_uid=uid).exists()

"""Messages that are tried again."""

from datetime import timedelta

from celery import shared_task

from archive.audit.types import Asker
from archive.corrections.messages import (
    claim_message,
    keep_result,
    message_account,
    purge_messages,
    settle_message,
    settle_sent,
)
from archive.corrections.reports import verified_reports
from archive.errors import ArchiveError, PeerUnreachableError
from archive.hl7.handling import apply_kept
from archive.hl7.reading import read_message
from archive.hl7.results import KIND, result_message
from archive.hl7.sending import receiver, send_message
from archive.hl7.serving import message_asker

_LEASE = timedelta(minutes=2)
_AT_ONCE = 5
# In steps, none of which holds rows for long; the rest waits for the next hour.
_PURGED_AT_ONCE, _PURGE_STEPS = 500, 20


@shared_task(name="archive.hl7.retry", soft_time_limit=50, time_limit=60)
def retry_messages_task() -> int:
    """Apply messages again that somebody asked for; some at a time."""
    tried = 0
    while tried < _AT_ONCE and (claimed := claim_message("in", lease=_LEASE)) is not None:
        key, content = claimed
        try:
            apply_kept(key, read_message(content), message_asker(message_account()))
        except ArchiveError as error:
            settle_message(key, error=error.message)
        tried += 1
    return tried


@shared_task(name="archive.hl7.queue_results", soft_time_limit=110, time_limit=120)
def queue_results_task(instance_ids: list[int]) -> int:
    """Queue verified reports for the receiver of results; each once, however often it is asked."""
    where = receiver()
    if where is None:
        return 0
    partner = f"{where[0]}:{where[1]}"
    return sum(
        keep_result(result_message(ds, f"TS{uid[-18:]}"), kind=KIND, partner=partner, uid=uid)
        for uid, ds in verified_reports(instance_ids)
    )


@shared_task(name="archive.hl7.send_results", soft_time_limit=110, time_limit=120)
def send_results_task() -> int:
    """Send what is due; what the receiver does not answer waits longer each time."""
    where, sent = receiver(), 0
    while where and sent < _AT_ONCE and (claimed := claim_message("out", lease=_LEASE)):
        key, content = claimed
        try:
            send_message(content, where)
        except PeerUnreachableError as error:
            settle_sent(key, error=error.message, is_tried_again=True)
            return sent
        except ArchiveError as error:
            settle_sent(key, error=error.message)
        else:
            settle_sent(key)
        sent += 1
    return sent


@shared_task(name="archive.hl7.purge", soft_time_limit=110, time_limit=120)
def purge_messages_task() -> int:
    """Forget messages that were settled long ago, some at a time."""
    asker, total = Asker(door="system", name="hl7"), 0
    for _ in range(_PURGE_STEPS):
        purged = purge_messages(asker=asker, at_once=_PURGED_AT_ONCE)
        total += purged
        if purged < _PURGED_AT_ONCE:
            break
    return total

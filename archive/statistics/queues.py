"""Every queue of the program as rows say it: the archive's own, and what other rooms register."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Min, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.access.selectors import require_site_radiology_admin
from archive.audit import statistics as audit
from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import BulkJob, Fetch, Forward, Notice, OutboxEvent, StorageCommitment
from archive.statistics.types import QueueState, WorkQueue

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

# Counts go no further: what matters is whether there are some, few or far too many.
MOST_COUNTED = 10_000
# An event that was told of so often in vain waits for somebody to look.
_MANY_ATTEMPTS = 5

queues: dict[str, WorkQueue] = {}


@dataclass(frozen=True)
class QueueLine:
    """A queue and how it stands now."""

    queue: WorkQueue
    state: QueueState

    @property
    def may_retry(self) -> bool:
        """Whether there is something to try again, and a way to."""
        return self.queue.retry is not None and bool(self.state.failed or self.state.stuck)


def register_queue(queue: WorkQueue) -> None:
    """Show the queue on the page of queues and in the metrics."""
    queues[queue.name] = queue


def queue_states() -> list[QueueLine]:
    """Return how every queue stands."""
    return [QueueLine(queue, queue.state()) for queue in queues.values()]


def list_queues(user: AnyUser) -> list[QueueLine]:
    """Return how every queue stands, for who answers for the whole archive."""
    require_site_radiology_admin(user)
    return queue_states()


def retry_queue(*, asker: Asker, name: str) -> int:
    """Try again what failed in a queue, and free what is stuck.

    Returns
    -------
    how much of it is on its way again

    Raises
    ------
    NotAllowedError
        Only radiology admins of the whole archive may.
    InvalidRequestError
        There is no such queue, or nothing of it can be tried again here.
    """
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to change queues."))
    require_site_radiology_admin(asker.user)
    queue = queues.get(name)
    if queue is None or queue.retry is None:
        raise InvalidRequestError(gettext("There is no such queue, or it can't be tried again."))
    number = queue.retry(asker)
    audit.record_queue_retried(asker, queue=name, number=number)
    return number


def bounded(rows: QuerySet[Any]) -> int:
    """Count rows, up to `MOST_COUNTED`."""
    return rows.order_by()[:MOST_COUNTED].count()


def leased_state(
    rows: QuerySet[Any], *, waiting: str, running: str, failed: str, since: str = "created_at"
) -> QueueState:
    """Return how a queue with leases stands: rows with ``state`` and ``lease_until``."""
    held, late = rows.filter(state=running), Q(lease_until__lte=timezone.now())
    line = rows.filter(state=waiting)
    return QueueState(
        waiting=bounded(line),
        running=bounded(held.exclude(late)),
        stuck=bounded(held.filter(late)),
        failed=bounded(rows.filter(state=failed)),
        oldest=line.aggregate(oldest=Min(since))["oldest"],
    )


def _outbox() -> QueueState:
    rows = OutboxEvent.objects.filter(published_at__isnull=True)
    return QueueState(
        waiting=bounded(rows),
        failed=bounded(rows.filter(attempts__gte=_MANY_ATTEMPTS)),
        oldest=rows.aggregate(oldest=Min("created_at"))["oldest"],
    )


def _forwards() -> QueueState:
    return leased_state(
        Forward.objects.all(), waiting="waiting", running="sending", failed="failed"
    )


def _retry_forwards(_asker: Asker) -> int:
    now = timezone.now()
    again: dict[str, Any] = {
        "state": "waiting",
        "attempts": 0,
        "not_before": now,
        "lease_until": None,
        "finished_at": None,
        "message": "",
    }
    number: int = Forward.objects.filter(state="failed").update(**again)
    stuck = Forward.objects.filter(state="sending", lease_until__lte=now)
    return number + stuck.update(state="waiting", not_before=now, lease_until=None)


def _fetches() -> QueueState:
    return leased_state(Fetch.objects.all(), waiting="waiting", running="fetching", failed="failed")


def _commitments() -> QueueState:
    rows = StorageCommitment.objects.all()
    line = rows.filter(state__in=["requested", "checked"])
    return QueueState(
        waiting=bounded(line),
        failed=bounded(rows.filter(state="failed")),
        oldest=line.aggregate(oldest=Min("created_at"))["oldest"],
    )


def _jobs() -> QueueState:
    return leased_state(BulkJob.objects.all(), waiting="queued", running="running", failed="failed")


def _mail() -> QueueState:
    rows = Notice.objects.filter(mailed_at__isnull=True)
    line = rows.filter(mail_due_at__isnull=False)
    given_up = rows.filter(mail_due_at__isnull=True, mail_attempts__gt=0)
    return QueueState(
        waiting=bounded(line),
        failed=bounded(given_up),
        oldest=line.aggregate(oldest=Min("created_at"))["oldest"],
    )


def _retry_mail(_asker: Asker) -> int:
    given_up = Notice.objects.filter(mailed_at__isnull=True, mail_attempts__gt=0)
    number: int = given_up.update(mail_due_at=timezone.now(), mail_attempts=0)
    return number


for _queue in (
    WorkQueue("outbox", _("Announcements"), _outbox),
    WorkQueue("forwards", _("Sending to peers"), _forwards, "portal:forwarding", _retry_forwards),
    WorkQueue("fetches", _("Fetching from peers"), _fetches, "portal:fetch-list"),
    WorkQueue("commitments", _("Storage commitment"), _commitments),
    WorkQueue("jobs", _("Jobs on many studies"), _jobs),
    WorkQueue("mail", _("News by mail"), _mail, "", _retry_mail),
):
    register_queue(_queue)

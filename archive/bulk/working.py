"""A worker's part: take a job under a lease, do step after step, lose nothing when it dies."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth import get_user_model
from django.db import OperationalError, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from archive.access.selectors import rights_kept
from archive.audit.types import Asker
from archive.bulk.registry import known_act
from archive.bulk.types import Work
from archive.errors import ArchiveError
from archive.models import BulkItem, BulkJob
from archive.models.turns import turn_if_free
from archive.notices.services import tell
from archive.notices.topics import JOBS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from archive.bulk.types import Act

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
# Workers that may die over one study before it is set aside.
MAX_DEATHS = 3
_RETRIES, _PAUSE_S = 3, 2.0
_LOCK = 0x5457424A
_Job, _Item = BulkJob.State, BulkItem.State


class LeaseLostError(Exception):
    """Another worker has the job: this one was silent for too long."""


# Of neither study nor job: it is taken up again when the lease is over.
_NOT_ITS_FAULT = (LeaseLostError, OperationalError, SoftTimeLimitExceeded)
_WRONG = gettext_noop("Something went wrong in the archive itself.")


class SkippedError(ArchiveError):
    """Nothing is to be done with this study, which is no failure."""

    code = "skipped"


@dataclass
class _Hold:
    """A job under this worker's lease, known by the moment at which it ends."""

    job: BulkJob
    until: datetime

    def mine(self) -> Any:
        """Return the job's row, as long as nobody else took it."""
        return BulkJob.objects.filter(pk=self.job.pk, lease_until=self.until)

    def keep(self) -> None:
        """Stay the one who works on it; asked often, written when half of the time is over."""
        now = timezone.now()
        if self.until - now > LEASE / 2:
            return
        until = now + LEASE
        if not self.mine().update(lease_until=until):
            raise LeaseLostError
        self.until = until


def due_jobs() -> list[int]:
    """Return the jobs that wait for a worker, or whose worker fell silent, oldest first."""
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=timezone.now())
    rows = BulkJob.objects.filter(is_free, finished_at__isnull=True)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:100])


def work_on_job(job_id: int, *, for_s: float) -> bool:
    """Do steps of a job for some time; say whether some are left.

    Delivered twice, the second finds the job taken. A worker that died is followed by another
    once its lease is over, at the step that the first one began.
    """
    # One whose lease is over may only be slow: two would write the same file.
    with turn_if_free(_LOCK, str(job_id)) as is_alone:
        hold = _claim(job_id) if is_alone else None
        return hold is not None and _work_under(hold, for_s)


def _work_under(hold: _Hold, for_s: float) -> bool:
    act = known_act(hold.job.act)
    try:
        if act is None:
            _end(hold, _Job.FAILED, gettext_noop("Nothing here knows how to do this any more."))
            return False
        return _steps(hold, act, time.monotonic() + for_s)
    except LeaseLostError:
        return False


def _claim(job_id: int) -> _Hold | None:
    now = timezone.now()
    until = now + LEASE
    with transaction.atomic():
        is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
        rows = BulkJob.objects.select_for_update(skip_locked=True).filter(is_free)
        job = rows.filter(pk=job_id, finished_at__isnull=True).first()
        if job is None:
            return None
        job.lease_until, job.state = until, _Job.RUNNING
        job.started_at = job.started_at or now
        job.attempts += 1
        job.save(update_fields=["lease_until", "state", "started_at", "attempts"])
    return _Hold(job, until)


def _steps(hold: _Hold, act: Act, ends_at: float) -> bool:
    work = _work(hold)
    if hold.job.attempts > MAX_DEATHS and not _set_aside(hold):
        _end(hold, _Job.FAILED, f"{MAX_DEATHS} workers died of it.")
        return False
    for item in BulkItem.objects.filter(job=hold.job, state=_Item.WAITING).order_by("pk"):
        hold.keep()
        if hold.mine().filter(is_cancel_requested=True).exists():
            _finish(hold, act, work, _Job.CANCELLED)
            return False
        if time.monotonic() > ends_at:
            # Others come in between; what is left goes on at once.
            hold.mine().update(lease_until=None, attempts=0)
            return True
        _do(hold, act, work, item)
    _finish(hold, act, work, _Job.DONE)
    return False


def _work(hold: _Hold) -> Work:
    options = dict(hold.job.options)
    said = options.pop("_asker", {})
    asker = Asker(
        door=said.get("door", "portal"),
        # Read anew: whoever was disabled or lost a role meanwhile does nothing any more.
        user=get_user_model().objects.get(pk=hold.job.user_id),
        token_hint=said.get("token_hint", ""),
        address=said.get("address") or None,
        name=said.get("name", ""),
    )
    return Work(asker=asker, job=hold.job.pk, options=options, keep=hold.keep)


def _set_aside(hold: _Hold) -> bool:
    """Take out the study over which worker after worker died; none is left where they ended it."""
    first = BulkItem.objects.filter(job=hold.job, state=_Item.WAITING).order_by("pk").first()
    if first is None:
        return False
    _put_down(hold, first, _Item.FAILED, f"{MAX_DEATHS} workers died of it.")
    return True


def _do(hold: _Hold, act: Act, work: Work, item: BulkItem) -> None:
    try:
        words = _tried(lambda: act.step(work, item.study_instance_uid), hold)
    except SkippedError as error:
        _put_down(hold, item, _Item.SKIPPED, error.message)
    except ArchiveError as error:
        _put_down(hold, item, _Item.FAILED, error.message)
    except _NOT_ITS_FAULT:
        raise
    except Exception:
        # The edge of a step: one study does not take the others with it.
        logger.exception("a step of a job failed", extra={"job": hold.job.pk})
        _put_down(hold, item, _Item.FAILED, _WRONG)
    else:
        _put_down(hold, item, _Item.DONE, words)


def _tried(step: Callable[[], str], hold: _Hold) -> str:
    """Do a step, again where it may succeed later."""
    for turn in range(_RETRIES):
        try:
            # One look at the asker's rights for the step, not for the job.
            with rights_kept():
                return step()
        except ArchiveError as error:
            if not error.retriable or turn == _RETRIES - 1:
                raise
        time.sleep(_PAUSE_S * (turn + 1))
        hold.keep()
    raise AssertionError


def _put_down(hold: _Hold, item: BulkItem, state: str, message: str) -> None:
    counts = {"attempts": 0}
    if state == _Item.DONE:
        counts["number_done"] = F("number_done") + 1  # type: ignore[assignment]
    elif state == _Item.FAILED:
        counts["number_failed"] = F("number_failed") + 1  # type: ignore[assignment]
    with transaction.atomic():
        if not hold.mine().update(**counts):
            raise LeaseLostError
        BulkItem.objects.filter(pk=item.pk).update(state=state, message=message[:500])


def _finish(hold: _Hold, act: Act, work: Work, state: str) -> None:
    try:
        if act.finish is not None:
            act.finish(work)
    except ArchiveError as error:
        _end(hold, _Job.FAILED, error.message)
        return
    except _NOT_ITS_FAULT:
        raise
    except Exception:
        logger.exception("the end of a job failed", extra={"job": hold.job.pk})
        _end(hold, _Job.FAILED, _WRONG)
        return
    hold.job.refresh_from_db(fields=["number_done", "number_failed", "number_of_items"])
    if state == _Job.DONE and hold.job.number_failed and not hold.job.number_done:
        state = _Job.FAILED
    _end(hold, state)


def _end(hold: _Hold, state: str, message: str = "") -> None:
    with transaction.atomic():
        if not hold.mine().update(
            state=state,
            error=message[:500],
            finished_at=timezone.now(),
            lease_until=None,
            attempts=0,
        ):
            raise LeaseLostError
        if state != _Job.CANCELLED:
            _tell(hold.job, is_done=state == _Job.DONE)


def _tell(job: BulkJob, *, is_done: bool) -> None:
    """Tell who asked for it; no word of any patient."""
    act = known_act(job.act)
    words = _("{act}: done, {count} studies") if is_done else _("{act}: failed")
    title = format_lazy(words, act=act.label if act else job.act, count=job.number_of_items)
    path = reverse("portal:job-detail", args=(job.pk,))
    tell([job.user_id], JOBS, title, path, key=f"job:{job.pk}")

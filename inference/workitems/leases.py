"""Performers outside that went silent: what they claimed is canceled, and runs are queued anew.

By the standard nothing in progress is scheduled again (PS3.4 CC.1.1), so that a run lost this
way ends, and a new one with a UID of its own takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from archive.audit import workitems as audit
from archive.audit.types import Asker
from archive.ingest.arrivals import release_arrivals
from archive.models import ArrivalHold
from inference.models import Run, Workitem
from inference.runs.claiming import performer_lease
from inference.runs.finishing import end_run
from inference.runs.queueing import queue_run
from inference.runs.timing import MAX_WORKER_DEATHS
from inference.workitems.cancelling import write_reason
from inference.workitems.elements import moment_text
from inference.workitems.events import announce_state
from inference.workitems.outside import hold_key
from inference.workitems.run_steps import EXTERNAL_RUNS
from inference.workitems.selectors import Found
from inference.workitems.services import note_cancellation

if TYPE_CHECKING:
    from django.db.models import QuerySet

_AT_ONCE = 50


def release_silent() -> int:
    """Cancel what performers outside hold who said nothing for too long; how many there were."""
    _begin_leases()
    _release_holds()
    return _release_runs() + _release_rows()


def _begin_leases() -> None:
    """Give what was claimed before there were leases the whole time."""
    until = performer_lease()
    Run.objects.filter(EXTERNAL_RUNS, state=Run.State.RUNNING, lease_until=None).update(
        lease_until=until
    )
    _claimed_rows().filter(lease_until=None).update(lease_until=until)


def _claimed_rows() -> QuerySet[Workitem]:
    return Workitem.objects.filter(run__isnull=True, state=Workitem.State.IN_PROGRESS)


def _release_holds() -> None:
    """Hold nothing of runs that ended some other way, as by an admin."""
    held = dict(ArrivalHold.objects.filter(key__startswith="run ").values_list("key", "pk"))
    if held:
        running = Run.objects.filter(state=Run.State.RUNNING)
        keys = {key.removeprefix("run ") for key in held}
        open_keys = {hold_key(run) for run in running.filter(pk__in=keys)}
        release_arrivals(held.keys() - open_keys)


def _release_runs() -> int:
    now = timezone.now()
    with transaction.atomic():
        rows = Run.objects.select_for_update(skip_locked=True, of=("self",)).select_related(
            "model_version", "series", "study__patient"
        )
        silent = rows.filter(EXTERNAL_RUNS, state=Run.State.RUNNING, lease_until__lte=now)
        runs = list(silent[:_AT_ONCE])
        for run in runs:
            _give_up(run)
    return len(runs)


def _give_up(run: Run) -> None:
    # Its row says what the performer did; the run's state is the workitem's.
    row = Workitem.objects.select_for_update().filter(run=run).first()
    if row is not None:
        _cancel(row)
    end_run(run, Run.State.CANCELLED, _reason())
    deaths = run.worker_deaths + 1
    if run.cancel_requested_at is not None or deaths >= MAX_WORKER_DEATHS:
        return
    anew = queue_run(
        version=run.model_version,
        series=run.series,
        is_background=run.is_background,
        priority=run.priority,
        is_shadow=run.is_shadow,
        again_of=run,
    )
    Run.objects.filter(pk=anew.pk, worker_deaths__lt=deaths).update(
        worker_deaths=deaths, requested_by=run.requested_by_id
    )


def _release_rows() -> int:
    now = timezone.now()
    with transaction.atomic():
        rows = _claimed_rows().select_for_update(skip_locked=True, of=("self",))
        silent = list(rows.filter(lease_until__lte=now)[:_AT_ONCE])
        for row in silent:
            _cancel(row)
            announce_state(Found(row.sop_instance_uid, None, row))
    return len(silent)


def _cancel(row: Workitem) -> None:
    now = timezone.now()
    row.state, row.finished_at, row.lease_until = Workitem.State.CANCELED, now, None
    row.cancel_reason = row.cancel_reason or _reason()
    note_cancellation(row, moment_text(now))
    write_reason(row)
    row.save()
    audit.record_workitem(
        Asker(door="system", name="silent performers"),
        act="release-workitem",
        uid=row.sop_instance_uid,
        study=row.study_instance_uid,
    )


def _reason() -> str:
    return f"Its performer said nothing for {settings.TWINSIGHT_PERFORMER_LEASE_MINUTES} minutes."

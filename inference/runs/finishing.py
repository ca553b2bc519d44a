"""Record what came of a run: done, not applicable, failed, cancelled, lost with its worker."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from archive.curation.services import withhold_series
from inference.models import Finding, Run
from inference.runs.notices import note_end
from inference.runs.observing import tell_observers
from inference.runs.routing import is_in_shadow
from inference.runs.run_log import write_line
from inference.runs.timing import MAX_ATTEMPTS, MAX_WORKER_DEATHS
from inference.similarity.words.series_words import mark_words_stale

if TYPE_CHECKING:
    from inference.runs.types import RunOutcome

logger = logging.getLogger(__name__)


def finish_run(run: Run, outcome: RunOutcome) -> None:
    """Record success: the run's device, message, statements and outputs, in one transaction."""
    with transaction.atomic():
        if not _is_still_held(run):
            return
        run.findings.all().delete()
        Finding.objects.bulk_create(
            [
                Finding(
                    run=run,
                    series_id=run.series_id,
                    kind=finding.kind,
                    name=finding.name,
                    label=finding.label,
                    value=finding.value,
                    unit=finding.unit,
                    probability=finding.probability,
                    location=finding.location,
                    tracking_uid=finding.tracking_uid,
                    is_critical=finding.is_critical,
                )
                for finding in outcome.findings
            ]
        )
        run.device = outcome.device
        run.outputs = outcome.outputs
        hidden = 0
        if run.is_shadow:
            uids = [uid for uid in outcome.outputs.values() if isinstance(uid, str)]
            hidden = withhold_series(sop_instance_uids=uids, reason="trial")
        if outcome.findings or hidden:
            mark_words_stale([run.study_id])
        run.timings = {**run.timings, **outcome.timings}
        end_run(run, Run.State.SUCCEEDED, outcome.message)


def skip_run(run: Run, message: str) -> None:
    """Record that the model does not apply to these images, and why."""
    with transaction.atomic():
        if _is_still_held(run):
            end_run(run, Run.State.SKIPPED, message)


def stop_run(run: Run) -> None:
    """Record that the run was broken off because somebody asked for it."""
    with transaction.atomic():
        if _is_still_held(run):
            end_run(run, Run.State.CANCELLED, gettext_noop("Cancelled while it ran."))


def fail_run(run: Run, message: str, *, is_retriable: bool) -> None:
    """Record a failure: queued again with a growing pause, or dead after the last attempt."""
    with transaction.atomic():
        if not _is_still_held(run):
            return
        if run.cancel_requested_at is not None:
            end_run(run, Run.State.CANCELLED, message)
        elif is_retriable and run.attempts - run.worker_deaths < MAX_ATTEMPTS:
            _requeue(run, message)
        else:
            end_run(run, Run.State.DEAD, message)


def lose_run(run: Run) -> None:
    """Record that a run's worker is gone: queued again, or set aside after the third.

    To be called with the run's row locked.
    """
    run.worker_deaths += 1
    write_line(run, gettext_noop("Its worker was gone and said nothing."))
    if run.cancel_requested_at is not None:
        end_run(run, Run.State.CANCELLED, gettext_noop("Cancelled; its worker was gone."))
    elif run.worker_deaths >= MAX_WORKER_DEATHS:
        message = f"Set aside: {run.worker_deaths} workers died while they ran the model on it."
        end_run(run, Run.State.DEAD, message)
    else:
        _requeue(run, gettext_noop("The worker died while it ran this model."))


def end_run(run: Run, state: str, message: str) -> None:
    """Write a run's last state; the caller holds its row."""
    run.state = state
    run.message = message[:500]
    run.lease_until = None
    run.finished_at = timezone.now()
    write_line(run, f"{run.get_state_display()}. {message}".rstrip())
    run.save()
    note_end(run)
    tell_observers(run)


def _is_still_held(run: Run) -> bool:
    """Lock the run's row; False where its claim is over: the lease ran out and another has it."""
    row = (
        Run.objects.select_for_update(of=("self",))
        .select_related("model_version")
        .filter(pk=run.pk, state=Run.State.RUNNING, attempts=run.attempts)
        .first()
    )
    if row is None:
        logger.warning("run came too late", extra={"run": run.pk})
        return False
    run.cancel_requested_at, run.worker_deaths = row.cancel_requested_at, row.worker_deaths
    run.is_shadow = row.is_shadow or is_in_shadow(row.model_version)
    return True


def _requeue(run: Run, message: str) -> None:
    pause = timedelta(seconds=5 * 4 ** (min(run.attempts, MAX_ATTEMPTS) - 1))
    write_line(run, f"{message} It is tried again.")
    try:
        with transaction.atomic():
            run.state = Run.State.QUEUED
            run.lease_until = None
            run.not_before = timezone.now() + pause
            run.message = message[:500]
            run.save()
            tell_observers(run)
    except IntegrityError:
        # Newer slices have queued a run of their own meanwhile; it sees all of these too.
        run.refresh_from_db()
        end_run(run, Run.State.SKIPPED, gettext_noop("Replaced by a run on the whole series."))

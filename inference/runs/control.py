"""What people do with runs: cancel, try again, run again with another version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from archive.access.selectors import require_may_label
from archive.audit import runs as audit
from archive.errors import NotVisibleError
from inference.bundles.external import EXTERNAL
from inference.errors import RunConflictError
from inference.models import ModelVersion, Run
from inference.runs.finishing import end_run
from inference.runs.queueing import request_version
from inference.runs.selectors import require_in_use, visible_runs

if TYPE_CHECKING:
    from archive.audit.types import Asker

# States from which a run can be tried again.
RETRIABLE = (Run.State.DEAD, Run.State.CANCELLED, Run.State.SKIPPED)


def cancel_run(*, asker: Asker, run_id: int) -> Run:
    """Take a run out of the queue, or let its worker break it off within seconds.

    Raises
    ------
    NotVisibleError
        There is no such run in the asker's rights.
    NotAllowedError
        The asker may only look.
    RunConflictError
        It is over already.
    """
    with transaction.atomic():
        run = _held_run(asker, run_id)
        if run.state == Run.State.QUEUED:
            end_run(run, Run.State.CANCELLED, gettext_noop("Cancelled before it began."))
        elif run.state == Run.State.RUNNING and run.model_version.pipeline == EXTERNAL:
            end_run(
                run,
                Run.State.CANCELLED,
                gettext_noop("Cancelled while somebody outside worked on it."),
            )
        elif run.state == Run.State.RUNNING:
            run.cancel_requested_at = run.cancel_requested_at or timezone.now()
            run.save(update_fields=["cancel_requested_at"])
        else:
            raise RunConflictError(gettext("This run is over already."))
        audit.record_run_cancelled(
            asker, study_instance_uid=run.study.study_instance_uid, run=run.pk
        )
    return run


def retry_run(*, asker: Asker, run_id: int) -> Run:
    """Queue the same model on the same series again, after a failure or where it was cancelled.

    What was on trial stays on trial: whoever repeats a failure has not decided that all may read
    what comes of it.

    Raises
    ------
    NotVisibleError, NotAllowedError
        As of `cancel_run`.
    RunConflictError
        The run is not over, or was a success.
    """
    run = _run(asker, run_id)
    if run.state not in RETRIABLE:
        raise RunConflictError(gettext("Only runs that failed or were cancelled are tried again."))
    return _again(asker, run, run.model_version, is_shadow=run.is_shadow)


def run_again(*, asker: Asker, run_id: int, version: str) -> Run:
    """Queue another version of the run's model, or another model, on the same series.

    Parameters
    ----------
    version
        a version of the same model, or ``name:version``

    Raises
    ------
    NotVisibleError
        There is no such run in the asker's rights, or no such version.
    ModelRetiredError
        The version is retired.
    """
    run = _run(asker, run_id)
    name, _, number = version.rpartition(":")
    found = ModelVersion.objects.filter(name=name or run.model_version.name, version=number).first()
    if found is None:
        raise NotVisibleError("There is no such version.")
    require_in_use(found)
    return _again(asker, run, found)


def _again(asker: Asker, run: Run, version: ModelVersion, *, is_shadow: bool = False) -> Run:
    return request_version(
        asker=asker,
        version=version,
        series=run.series,
        priority=run.priority,
        is_shadow=is_shadow,
        again_of=run,
    )


def _run(asker: Asker, run_id: int) -> Run:
    rows = visible_runs(asker.user) if asker.user is not None else Run.objects.none()
    rows = rows.select_related("model_version", "series__study__patient")
    run: Run | None = rows.filter(pk=run_id).first()
    if run is None or asker.user is None:
        raise NotVisibleError("There is no such run.")
    require_may_label(asker.user, run.study)
    return run


def _held_run(asker: Asker, run_id: int) -> Run:
    """Return the run with its row locked: a worker may be about to end it."""
    _run(asker, run_id)
    rows = Run.objects.select_for_update(of=("self",)).select_related("study", "model_version")
    run: Run = rows.get(pk=run_id)
    return run

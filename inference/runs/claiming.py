"""Take a run for a worker, say that it is alive, and state what is analysed."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from inference.bundles.gates import why_not
from inference.models import Run
from inference.runs.dispatching import hand_back, more_urgent_than
from inference.runs.finishing import end_run
from inference.runs.observing import tell_observers
from inference.runs.routing import is_in_shadow
from inference.runs.run_log import host_name, write_line
from inference.runs.timing import LEASE

if TYPE_CHECKING:
    from datetime import datetime

    from archive.models import Series

# Beyond this the digest alone says what was analysed.
_MAX_INPUTS = 5000


def claim_next(run_id: int) -> Run | None:
    """Take the run that a message names, or a more urgent one that came after it."""
    urgent = more_urgent_than(run_id)
    if urgent is not None:
        run = claim_run(urgent)
        if run is not None:
            hand_back(run_id)
            return run
    return claim_run(run_id)


def claim_run(run_id: int, *, performer: str = "") -> Run | None:
    """Take a queued run for this process, or for somebody outside who is named.

    None where someone else has it or it is not due.

    The claim states what is analysed: the digest over the series' instances. An input that was
    analysed before with success is not analysed again, and one that the model's intended use
    excludes not at all.
    """
    now = timezone.now()
    try:
        with transaction.atomic():
            run: Run | None = (
                Run.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("model_version", "series__study__patient", "study")
                .filter(pk=run_id, state=Run.State.QUEUED)
                .first()
            )
            if run is None:
                return None
            _state_inputs(run)
            if reason := _why_not_now(run):
                end_run(run, Run.State.SKIPPED, reason)
                return None
            run.is_shadow = run.is_shadow or is_in_shadow(run.model_version)
            run.state = Run.State.RUNNING
            run.attempts += 1
            run.started_at = now
            run.lease_until = performer_lease() if performer else now + LEASE
            write_line(run, f"Attempt {run.attempts} begins on {performer or host_name()}.")
            run.save()
            tell_observers(run)
    except IntegrityError:
        # Another run of the same model on this series is under way: later slices wait for it.
        Run.objects.filter(pk=run_id).update(
            lease_until=None, not_before=now + timedelta(seconds=5)
        )
        return None
    return run


def performer_lease() -> datetime:
    """Return until when somebody outside may say nothing: each word of theirs renews it."""
    return timezone.now() + timedelta(minutes=settings.TWINSIGHT_PERFORMER_LEASE_MINUTES)


def keep_claim(run: Run) -> bool:
    """Say that the run's worker is alive; False where it is to stop.

    Somebody asked for it, or the run was given to another worker meanwhile.
    """
    mine = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING, attempts=run.attempts)
    mine = mine.filter(cancel_requested_at__isnull=True)
    if mine.update(lease_until=timezone.now() + LEASE):
        return True
    return not Run.objects.filter(pk=run.pk).exists()


def input_digest(series: Series) -> str:
    """SHA-256 over the identities of the series' instances, in the order of their UIDs."""
    return _digest(_identities(series))


def _identities(series: Series) -> list[tuple[str, str]]:
    rows = series.instances.order_by("sop_instance_uid")
    return list(rows.values_list("sop_instance_uid", "dataset_sha256"))


def _digest(identities: list[tuple[str, str]]) -> str:
    digest = hashlib.sha256()
    for uid, sha256 in identities:
        digest.update(f"{uid} {sha256}\n".encode())
    return digest.hexdigest()


def _state_inputs(run: Run) -> None:
    identities = _identities(run.series)
    run.input_digest = _digest(identities)
    run.inputs = dict(identities) if len(identities) <= _MAX_INPUTS else {}


def _why_not_now(run: Run) -> str:
    if _was_done(run):
        return gettext_noop("The same images were analysed before.")
    return why_not(run.model_version, run.series)


def _was_done(run: Run) -> bool:
    return Run.objects.filter(
        model_version=run.model_version,
        series=run.series,
        input_digest=run.input_digest,
        state=Run.State.SUCCEEDED,
    ).exists()

"""Runs on trial: their results are for reviewers alone, whatever becomes of the model."""

from __future__ import annotations

from inference.models import Run
from inference.models.querysets import on_trial


def note_trial(run: Run) -> bool:
    """Whether the run is on trial, by what the rows say now; one under way is marked as such.

    A run that is over is left as it is: asked about later, what it said in use is no trial.
    """
    if not Run.objects.filter(on_trial(), pk=run.pk).exists():
        return False
    if run.state == Run.State.RUNNING and not run.is_shadow:
        run.is_shadow = True
        claims = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING, attempts=run.attempts)
        claims.update(is_shadow=True)
    return True

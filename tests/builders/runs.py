"""Runs that are due at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from inference.models import ModelVersion, Run
from inference.runs.claiming import claim_run
from inference.runs.queueing import queue_run
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from archive.models import Series


def due_run(series: Series, version: ModelVersion | None = None, **how: Any) -> Run:
    """Queue a run that may start now."""
    run = queue_run(version=version or ModelVersionFactory(), series=series, **how)
    Run.objects.filter(pk=run.pk).update(not_before=timezone.now() - timedelta(seconds=1))
    return run


def claimed_run(series: Series, version: ModelVersion | None = None, **how: Any) -> Run:
    """Queue a run and take it, as a worker does."""
    run = claim_run(due_run(series, version, **how).pk)
    assert run is not None
    return run

"""Runs on series that were deleted or rejected as a whole: there is nothing to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from archive.models import Series
from inference.models import Run
from inference.runs.finishing import end_run

if TYPE_CHECKING:
    from collections.abc import Iterable


@transaction.atomic
def stop_runs_on(series_ids: Iterable[int]) -> int:
    """Take runs on series that show nothing any more out of the queue, or break them off.

    Parameters
    ----------
    series_ids : of series some of whose instances were withheld

    Returns
    -------
    How many runs were stopped.
    """
    hidden = Series.objects.filter(
        pk__in=list(series_ids),
        withheld__in=(Series.Withheld.DELETED, Series.Withheld.REJECTED),
        number_of_series_related_instances=0,
    )
    runs = Run.objects.select_for_update(of=("self",)).filter(
        series__in=hidden, state__in=(Run.State.QUEUED, Run.State.RUNNING)
    )
    stopped = 0
    for run in runs.order_by("pk"):
        if run.state == Run.State.QUEUED:
            end_run(run, Run.State.CANCELLED, gettext_noop("The series was deleted or rejected."))
        else:
            run.cancel_requested_at = run.cancel_requested_at or timezone.now()
            run.save(update_fields=["cancel_requested_at"])
        stopped += 1
    return stopped

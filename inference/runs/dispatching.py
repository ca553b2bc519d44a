"""Hand runs that are due to the workers' queues, the most urgent first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone

from inference.bundles.external import EXTERNAL
from inference.models import Run
from inference.runs.priority import RUN_ORDER
from inference.runs.timing import HANDED_OUT_FOR

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

# Where a version's entry names no other queue.
DEFAULT_QUEUE = "inference"
_DISPATCH_AT_ONCE = 500
_IMAGES = "series__number_of_series_related_instances"
# A fresh series may have to wait until so many runs in the background, of together about so many
# images, are over.
_BACKGROUND_AT_ONCE, _BACKGROUND_IMAGES_AT_ONCE = 20, 100


def due_runs() -> list[int]:
    """Return the keys of runs that may start now and mark them as handed out.

    What runs in the background is handed out where nothing else is due, and little at a time.
    """
    now = timezone.now()
    with transaction.atomic():
        due = (
            Run.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=Run.State.QUEUED, not_before__lte=now)
            .exclude(model_version__pipeline=EXTERNAL)
            .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
            .order_by(*RUN_ORDER)
        )
        keys = list(
            due.filter(is_background=False).values_list("pk", flat=True)[:_DISPATCH_AT_ONCE]
        )
        if not keys:
            keys = _some_in_background(due.filter(is_background=True), now)
        Run.objects.filter(pk__in=keys).update(lease_until=now + HANDED_OUT_FOR)
    return keys


def queues_of(keys: Iterable[int]) -> list[tuple[int, str]]:
    """Return the runs with the queue of their model, in the same order."""
    wanted = list(keys)
    rows = Run.objects.filter(pk__in=wanted).values_list("pk", "model_version__config__queue")
    queues = dict(rows)
    return [(key, queues.get(key) or DEFAULT_QUEUE) for key in wanted]


def more_urgent_than(run_id: int) -> int | None:
    """Return the most urgent run that is due for the same queue, where one is before this run.

    A message in the broker can't be overtaken; the run that it stands for can.
    """
    run = Run.objects.filter(pk=run_id).values_list(
        "priority", "is_background", "model_version__config__queue"
    )
    found = run.first()
    if found is None:
        return None
    priority, is_background, queue = found
    same_queue = Q(model_version__config__queue=queue)
    if queue is None:
        same_queue = Q(model_version__config__queue__isnull=True)
    is_before = Q(priority__gt=priority, is_background=False)
    if is_background:
        is_before |= Q(priority__gt=0)
    due = Run.objects.filter(is_before, same_queue, state=Run.State.QUEUED)
    due = due.filter(not_before__lte=timezone.now()).exclude(pk=run_id)
    due = due.exclude(model_version__pipeline=EXTERNAL)
    return due.order_by(*RUN_ORDER).values_list("pk", flat=True).first()


def hand_back(run_id: int) -> None:
    """Let a queued run that was handed out be handed out again."""
    Run.objects.filter(pk=run_id, state=Run.State.QUEUED).update(lease_until=None)


def _some_in_background(due: QuerySet[Run], now: datetime) -> list[int]:
    """Return the keys of runs that may go to the workers beside those that are there already."""
    handed_out = Run.objects.filter(
        is_background=True, state__in=(Run.State.QUEUED, Run.State.RUNNING), lease_until__gt=now
    )
    known = handed_out.aggregate(runs=Count("pk"), images=Sum(_IMAGES))
    runs, images = known["runs"], known["images"] or 0
    keys = []
    for key, number in due.values_list("pk", _IMAGES)[:_BACKGROUND_AT_ONCE]:
        if runs >= _BACKGROUND_AT_ONCE or images >= _BACKGROUND_IMAGES_AT_ONCE:
            break
        keys.append(key)
        runs, images = runs + 1, images + number
    return keys

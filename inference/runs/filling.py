"""Fill embedding spaces by runs of their model: throttled, and after whatever is fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from inference.models import EmbeddingSpace, Run, SpaceFill
from inference.runs.queueing import queue_run
from inference.similarity.spaces import backfill

if TYPE_CHECKING:
    from datetime import datetime

# So many series of a space wait for the workers at once: enough to keep them busy.
OPEN_AT_ONCE = 50


def fill_spaces(*, is_throttled: bool = True, space_id: int | None = None) -> list[int]:
    """Take each space that is being filled a step further; return those that are complete.

    Of several processes one does it; an interruption loses nothing, for what is left is asked
    of the rows.
    """
    fills = SpaceFill.objects.filter(space__state=EmbeddingSpace.State.FILLING, is_paused=False)
    if space_id is not None:
        fills = fills.filter(space=space_id)
    return [
        fill_space_id
        for key, fill_space_id in fills.values_list("pk", "space_id")
        if _tick(key, is_throttled=is_throttled)
    ]


def _tick(fill_id: int, *, is_throttled: bool) -> bool:
    with transaction.atomic():
        fill = (
            SpaceFill.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("space__base_space", "space__model_version")
            .filter(pk=fill_id, is_paused=False)
            .first()
        )
        if fill is None:
            return False
        now = timezone.now()
        if is_throttled:
            backfill.gain_allowance(fill, now)
        if fill.space.base_space_id is not None:
            handed_out = backfill.project_next(fill, is_throttled=is_throttled)
        else:
            handed_out = _queue_next(fill, now, is_throttled=is_throttled)
        if fill.measured_at is None or now - fill.measured_at >= backfill.MEASURE_EVERY:
            backfill.measure(fill, now)
        is_over = handed_out == 0 and backfill.is_complete(fill.space)
        if is_over and backfill.has_failed(fill):
            # An admin sees it paused, with its failures; going on tries them again.
            fill.is_paused = True
        fill.save()
        return is_over and not fill.is_paused


def _queue_next(fill: SpaceFill, now: datetime, *, is_throttled: bool) -> int:
    """Queue runs on the next series while the allowance lasts; none before fresh series."""
    if is_throttled and (fill.allowance < 1 or are_fresh_runs_waiting(now)):
        return 0
    version = fill.space.model_version
    background = Run.objects.filter(
        model_version=version, is_background=True, state__in=(Run.State.QUEUED, Run.State.RUNNING)
    )
    room = OPEN_AT_ONCE - background.count()
    handed_out = 0
    while handed_out < room and (not is_throttled or fill.allowance >= 1):
        found = backfill.next_series(fill, 1)
        if not found:
            break
        (series,) = found
        queue_run(version=version, series=series, is_background=True)
        images = series.instances.aggregate(n=Count("pk", filter=Q(has_pixel_data=True)))["n"]
        fill.allowance -= images
        handed_out += 1
    return handed_out


def are_fresh_runs_waiting(now: datetime) -> bool:
    """Whether runs that somebody waits for are due and no worker has taken them."""
    return Run.objects.filter(
        is_background=False, state=Run.State.QUEUED, not_before__lte=now
    ).exists()

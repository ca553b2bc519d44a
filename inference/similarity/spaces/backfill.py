"""Fill a new space beside the old one: what is missing, how far it is, what is to be cleared away.

Spaces made of images are filled by runs of their model (`inference.runs.filling`), projected ones
from the vectors of their base. Both go on where they were interrupted: the state is in rows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from archive.models import Instance, Series
from archive.models.pictures import pictures_filter
from inference.models import Embedding, EmbeddingSpace, Run, SpaceFill
from inference.similarity.spaces.projections import project_series
from inference.similarity.spaces.registry import (
    are_indexes_valid,
    drop_space_index,
    ensure_space_indexes,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet

logger = logging.getLogger(__name__)

# Counting a whole archive takes a second where it is large.
MEASURE_EVERY = timedelta(seconds=10)
# A projection costs next to nothing beside an image that is read and embedded.
VECTORS_FOR_AN_IMAGE = 25
SERIES_AT_ONCE = 50
DELETED_AT_ONCE = 5000
# Share of series that may have failed in a space that is said to be ready.
TOLERATED_FAILURES = 0.01
_OVER = (Run.State.SUCCEEDED, Run.State.SKIPPED, Run.State.DEAD)
_OPEN = (Run.State.QUEUED, Run.State.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillProgress:
    """How far a space is, as it was counted last; `seconds_left` is None where nobody knows."""

    state: str
    is_paused: bool
    series_done: int
    series: int
    images_done: int
    images: int
    images_per_minute: float
    seconds_left: int | None
    series_failed: int = 0

    @property
    def percent(self) -> int:
        """Share of images that have a vector, rounded down."""
        if self.state == EmbeddingSpace.State.READY:
            return 100
        return min(99, 100 * self.images_done // self.images) if self.images else 0


def images_per_minute() -> float:
    """Return how many images a space being filled may take a minute.

    Returns
    -------
    ``TWINSIGHT_BACKFILL_IMAGES_PER_MINUTE``, at least 1.
    """
    return max(1.0, float(settings.TWINSIGHT_BACKFILL_IMAGES_PER_MINUTE))


def image_series() -> QuerySet[Series]:
    """Return the series that hold pictures of a patient.

    Returns
    -------
    Series with pixels that are no results, reports or plans.
    """
    pixels = Instance.objects.shown().filter(series=OuterRef("pk"), has_pixel_data=True)
    return Series.objects.filter(pictures_filter(), Exists(pixels))


def missing_series(space: EmbeddingSpace) -> QuerySet[Series]:
    """Return the series that a space being filled still lacks, the newest first.

    Parameters
    ----------
    space : being filled

    Returns
    -------
    Of a projected space: those with a base vector and none here. Else those with images, without
    a vector and without a run that is open or ended since the filling began.
    """
    in_space = Embedding.objects.filter(
        space=space, series=OuterRef("pk"), level=Embedding.Level.SERIES
    )
    if space.base_space_id is not None:
        in_base = Embedding.objects.filter(
            space=space.base_space_id, series=OuterRef("pk"), level=Embedding.Level.SERIES
        )
        return Series.objects.filter(Exists(in_base), ~Exists(in_space)).order_by("-pk")
    looked_at = Run.objects.filter(
        Q(state__in=_OPEN) | Q(state__in=_OVER, finished_at__gte=space.fill.started_at),
        model_version=space.model_version_id,
        series=OuterRef("pk"),
    )
    return image_series().filter(~Exists(in_space), ~Exists(looked_at)).order_by("-pk")


def next_series(fill: SpaceFill, count: int) -> list[Series]:
    """Take the next missing series of a filling and move its cursor behind them.

    A filling that comes to its end looks once more from the top: series came meanwhile, and a
    worker may have died.

    Parameters
    ----------
    fill : locked by the caller; its cursor is set, not saved
    count : how many at most

    Returns
    -------
    Series, the newest first; none where nothing is missing.
    """
    missing = missing_series(fill.space)
    below = missing if fill.cursor is None else missing.filter(pk__lt=fill.cursor)
    found = list(below[:count])
    if not found and fill.cursor is not None:
        found = list(missing[:count])
    fill.cursor = found[-1].pk if found else None
    return found


def gain_allowance(fill: SpaceFill, now: datetime) -> None:
    """Add what the time since the last tick allows, a minute's worth at most.

    Parameters
    ----------
    fill : locked by the caller; nothing is saved
    now : of this tick
    """
    per_minute = images_per_minute()
    last = fill.ticked_at or now - timedelta(seconds=10)
    minutes = max(0.0, (now - last).total_seconds() / 60)
    fill.allowance = min(fill.allowance + minutes * per_minute, per_minute)
    fill.ticked_at = now


def project_next(fill: SpaceFill, *, is_throttled: bool = True) -> int:
    """Fill a projected space a little further.

    Parameters
    ----------
    fill : of a projected space; locked by the caller, not saved
    is_throttled : within the allowance

    Returns
    -------
    How many series were projected.
    """
    if is_throttled and fill.allowance < 1:
        return 0
    series = next_series(fill, SERIES_AT_ONCE)
    vectors = project_series(fill.space, [row.pk for row in series])
    fill.allowance -= vectors / VECTORS_FOR_AN_IMAGE if is_throttled else 0
    return len(series)


def project_missing() -> int:
    """Project what ready projected spaces lack: a worker died between a vector and its projection.

    Returns
    -------
    How many series were projected.
    """
    projected = 0
    for space in EmbeddingSpace.objects.filter(
        state=EmbeddingSpace.State.READY, base_space__isnull=False
    ):
        keys = list(missing_series(space).values_list("pk", flat=True)[:SERIES_AT_ONCE])
        project_series(space, keys)
        projected += len(keys)
    return projected


def is_complete(space: EmbeddingSpace) -> bool:
    """Tell whether a filling has nothing left to do.

    Parameters
    ----------
    space : being filled

    Returns
    -------
    False while a run is open or, of a projected space, its base is being filled itself.
    """
    if space.base_space is not None:
        is_base_ready = space.base_space.state != EmbeddingSpace.State.FILLING
        return is_base_ready and not missing_series(space).exists()
    open_runs = Run.objects.filter(
        model_version=space.model_version_id, state__in=_OPEN, is_background=True
    )
    return not open_runs.exists() and not missing_series(space).exists()


def has_failed(fill: SpaceFill) -> bool:
    """Tell whether so much of a filling failed that the space must not answer as if it were whole.

    Images that can't be decoded are no failures: no model could embed them.

    Parameters
    ----------
    fill : with its space

    Returns
    -------
    True where more than `TOLERATED_FAILURES` of its series ended in an error.
    """
    failed = _failed_series(fill)
    return failed > TOLERATED_FAILURES * max(image_series().count(), 1) if failed else False


def measure(fill: SpaceFill, now: datetime) -> None:
    """Count how far a filling is and how fast it goes.

    Parameters
    ----------
    fill : its counts are set, not saved
    now : of this count
    """
    space = fill.space
    vectors = Embedding.objects.filter(space=space).order_by()
    images_before, measured_before = fill.number_of_images_done, fill.measured_at
    fill.number_of_series_done = vectors.filter(level=Embedding.Level.SERIES).count()
    fill.number_of_images_done = vectors.filter(level=Embedding.Level.INSTANCE).count()
    if space.base_space_id is not None:
        wanted = Embedding.objects.filter(space=space.base_space_id).order_by()
        fill.number_of_series = wanted.filter(level=Embedding.Level.SERIES).count()
        fill.number_of_images = wanted.filter(level=Embedding.Level.INSTANCE).count()
    else:
        series = image_series()
        fill.number_of_series = series.count()
        fill.number_of_images = Instance.objects.filter(
            has_pixel_data=True, series__in=series
        ).count()
    if measured_before is not None and now > measured_before:
        minutes = (now - measured_before).total_seconds() / 60
        rate = max(0, fill.number_of_images_done - images_before) / minutes
        known = fill.images_per_minute
        fill.images_per_minute = round(0.7 * known + 0.3 * rate if known else rate, 2)
    fill.measured_at = now


def refresh_progress(space: EmbeddingSpace) -> FillProgress | None:
    """Count how far a space is now, and keep it.

    Parameters
    ----------
    space : with or without a filling

    Returns
    -------
    As `progress_of`.
    """
    with transaction.atomic():
        fill = SpaceFill.objects.select_for_update(of=("self",)).filter(space=space).first()
        if fill is None:
            return None
        fill.space = space
        measure(fill, timezone.now())
        fill.save()
    space.refresh_from_db(fields=["state"])
    space.fill = fill
    return progress_of(space)


def progress_of(space: EmbeddingSpace) -> FillProgress | None:
    """Return how far a space is, from what was counted last.

    Parameters
    ----------
    space : with its filling

    Returns
    -------
    None for a space that was never filled step by step.
    """
    fill: SpaceFill | None = getattr(space, "fill", None)
    if fill is None:
        return None
    left = max(0, fill.number_of_images - fill.number_of_images_done)
    is_moving = (
        fill.images_per_minute > 0
        and not fill.is_paused
        and space.state == EmbeddingSpace.State.FILLING
    )
    return FillProgress(
        state=space.state,
        is_paused=fill.is_paused,
        series_done=fill.number_of_series_done,
        series=fill.number_of_series,
        images_done=fill.number_of_images_done,
        images=fill.number_of_images,
        images_per_minute=fill.images_per_minute,
        seconds_left=round(60 * left / fill.images_per_minute) if is_moving else None,
        series_failed=_failed_series(fill) if space.state == EmbeddingSpace.State.FILLING else 0,
    )


def complete_fill(space_id: int) -> bool:
    """Build the indexes of a filled space and let it answer.

    Parameters
    ----------
    space_id : key of a space

    Returns
    -------
    True where the space is ready now; False where something is still missing, or another process
    is building.
    """
    space = EmbeddingSpace.objects.select_related("base_space", "fill").get(pk=space_id)
    if space.state != EmbeddingSpace.State.FILLING or not is_complete(space):
        return False
    ensure_space_indexes(space)
    if not are_indexes_valid(space):
        return False
    with transaction.atomic():
        fill = SpaceFill.objects.select_for_update(of=("self",)).get(space=space)
        now = timezone.now()
        fill.space = space
        measure(fill, now)
        fill.finished_at, fill.cursor = now, None
        fill.save()
        # Only a filling space becomes ready: it may have been retired meanwhile.
        changed = EmbeddingSpace.objects.filter(
            pk=space_id, state=EmbeddingSpace.State.FILLING
        ).update(state=EmbeddingSpace.State.READY)
    logger.info("space filled", extra={"space": space.name})
    return bool(changed)


def _failed_series(fill: SpaceFill) -> int:
    return Run.objects.filter(
        model_version=fill.space.model_version_id,
        state=Run.State.DEAD,
        finished_at__gte=fill.started_at,
    ).count()


def purge_vectors(space: EmbeddingSpace) -> int:
    """Delete the vectors of a retired space in batches, its indexes first.

    Its successful runs are said to be over: should the space be filled again, nothing of it is
    there.

    Parameters
    ----------
    space : retired

    Returns
    -------
    How many vectors were deleted.
    """
    if space.state != EmbeddingSpace.State.RETIRED:
        return 0
    drop_space_index(space)
    Run.objects.filter(model_version=space.model_version_id, state=Run.State.SUCCEEDED).update(
        state=Run.State.SKIPPED, message="Its vectors were deleted with the retired space."
    )
    # A series' own vector first: without it, a space that is filled again meanwhile knows that the
    # rest is missing.
    return _delete_in_batches(space, "level = 'series'") + _delete_in_batches(space, "true")


def _delete_in_batches(space: EmbeddingSpace, condition: str) -> int:
    deleted, batch = 0, DELETED_AT_ONCE
    with connection.cursor() as cursor:
        while batch >= DELETED_AT_ONCE:
            # Each batch is a transaction of its own, so that no lock is held for long; nothing is
            # deleted once the space is wanted again. The condition is one of two constants.
            cursor.execute(
                "DELETE FROM inference_embedding WHERE id IN (SELECT id FROM inference_embedding"  # noqa: S608
                f" WHERE space_id = %s AND {condition} LIMIT %s)"
                " AND EXISTS (SELECT FROM inference_embeddingspace"
                " WHERE id = %s AND state = 'retired')",
                [space.pk, DELETED_AT_ONCE, space.pk],
            )
            batch = int(cursor.rowcount)
            deleted += batch
    return deleted


def purge_retired_spaces() -> int:
    """Delete what is left of retired spaces.

    Returns
    -------
    How many vectors were deleted.
    """
    retired = EmbeddingSpace.objects.filter(
        Exists(Embedding.objects.filter(space=OuterRef("pk"))),
        state=EmbeddingSpace.State.RETIRED,
        is_default=False,
    )
    return sum(purge_vectors(space) for space in retired)

"""Runs that the site's operator asks for: by command, whose rights are the machine's."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from archive.errors import NotVisibleError
from archive.models import Series
from inference.models import EmbeddingSpace, ModelVersion, Run
from inference.runs.claiming import claim_run
from inference.runs.filling import fill_spaces
from inference.runs.queueing import queue_run
from inference.runs.routing import is_image_series, is_in_shadow
from inference.similarity.spaces.backfill import complete_fill, missing_series, refresh_progress
from inference.similarity.spaces.lifecycle import fill_space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from inference.similarity.spaces.backfill import FillProgress

# How long to wait for runs that workers have in hand.
_LOOK_AGAIN_S = 1.0


def embedding_version(space: str = "") -> ModelVersion:
    """Return the model version that makes a space's vectors; of the default space where empty.

    Raises
    ------
    NotVisibleError
        There is no such space.
    """
    versions = ModelVersion.objects.filter(embedding_space__isnull=False)
    wanted = (
        versions.filter(embedding_space__name=space)
        if space
        else versions.filter(embedding_space__is_default=True)
    )
    version = wanted.first()
    if version is None:
        raise NotVisibleError(f"There is no embedding space {space!r}." if space else "No space.")
    return version


def find_series(uids: Iterable[str]) -> QuerySet[Series]:
    """Return the series that the Study or Series Instance UIDs name.

    Raises
    ------
    NotVisibleError
        A UID names nothing.
    """
    wanted = set(uids)
    found = Series.objects.filter(series_instance_uid__in=wanted) | Series.objects.filter(
        study__study_instance_uid__in=wanted
    )
    named = set(found.values_list("series_instance_uid", flat=True))
    named |= set(found.values_list("study__study_instance_uid", flat=True))
    missing = sorted(wanted - named)
    if missing:
        raise NotVisibleError(f"There is no study or series {missing[0]}.")
    return found


def series_without(version: ModelVersion) -> QuerySet[Series]:
    """Return the series on which no run of the version succeeded, the newest first.

    Of a projected space: those whose vectors are in its base alone.
    """
    space = EmbeddingSpace.objects.filter(model_version=version).first()
    if space is not None and space.base_space_id is not None:
        return missing_series(space)
    done = Run.objects.filter(model_version=version, state=Run.State.SUCCEEDED)
    return Series.objects.exclude(pk__in=done.values("series_id")).order_by("-pk")


def queue_model(
    version: ModelVersion, series: QuerySet[Series], *, limit: int | None = None
) -> list[int]:
    """Queue the model on each of the series that holds images; return the runs' keys."""
    images = (row for row in series.iterator(chunk_size=200) if is_image_series(row))
    is_shadow = is_in_shadow(version)
    return [
        queue_run(version=version, series=row, is_shadow=is_shadow).pk
        for row in islice(images, limit)
    ]


def spaces_to_fill(name: str = "", *, every: bool = False) -> list[EmbeddingSpace]:
    """Return the space of that name, the default one, or all that are not retired.

    Projected ones come last: they are made from the vectors of the others.

    Raises
    ------
    NotVisibleError
        There is no such space.
    """
    if every:
        spaces = EmbeddingSpace.objects.exclude(state=EmbeddingSpace.State.RETIRED)
        return sorted(spaces, key=lambda space: (space.base_space_id is not None, space.pk))
    return [EmbeddingSpace.objects.get(model_version=embedding_version(name))]


def fill_in_background(asker: Asker, space: EmbeddingSpace) -> FillProgress | None:
    """Let the workers fill a space at their own pace; how far it is."""
    return refresh_progress(fill_space(asker, space.name))


def fill_here(
    asker: Asker, space: EmbeddingSpace, *, limit: int | None = None
) -> Iterator[FillProgress]:
    """Fill a space in this process, as fast as it can; stop after so many series.

    Yields
    ------
    how far it is, after every few series
    """
    filled = fill_space(asker, space.name)
    done = 0
    while filled.state == EmbeddingSpace.State.FILLING and (limit is None or done < limit):
        complete = fill_spaces(is_throttled=False, space_id=space.pk)
        before = done
        done += sum(1 for _ in run_here(_queued(space)))
        if complete and not complete_fill(space.pk) and done == before:
            time.sleep(_LOOK_AGAIN_S)
        progress = refresh_progress(filled)
        if progress is not None:
            yield progress
        if space.base_space_id is not None and progress is not None:
            done = progress.series_done
        elif not complete and done == before:
            time.sleep(_LOOK_AGAIN_S)


def _queued(space: EmbeddingSpace) -> list[int]:
    runs = Run.objects.filter(model_version=space.model_version_id, state=Run.State.QUEUED)
    return list(runs.order_by("pk").values_list("pk", flat=True))


def run_here(run_ids: Iterable[int]) -> Iterator[Run]:
    """Run queued runs in this process, one after another; those that a worker took are left out.

    Yields
    ------
    each run once it is over
    """
    # The only other way into torch besides the task: a command that is told to work by itself.
    from inference.runs.execution import execute_run  # noqa: PLC0415

    for run_id in run_ids:
        run = claim_run(run_id)
        if run is not None:
            execute_run(run)
            run.refresh_from_db()
            yield run

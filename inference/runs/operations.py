"""Runs that the site's operator asks for: by command, whose rights are the machine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.errors import NotVisibleError
from archive.models import Series
from inference.models import ModelVersion, Run
from inference.runs.routing import is_image_series
from inference.runs.services import claim_run, queue_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet


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
    """Return the series on which no run of the version succeeded, the newest first."""
    done = Run.objects.filter(model_version=version, state=Run.State.SUCCEEDED)
    return Series.objects.exclude(pk__in=done.values("series_id")).order_by("-pk")


def queue_model(version: ModelVersion, series: QuerySet[Series]) -> list[int]:
    """Queue the model on each of the series that holds images; return the runs' keys."""
    return [
        queue_run(version=version, series=row).pk
        for row in series.iterator(chunk_size=200)
        if is_image_series(row)
    ]


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

"""One line an event: which task the archive's announcements start."""

from archive.events.services import subscribe
from archive.events.types import InstancesStored, InstancesWithheld, StudiesCorrected
from inference.runs.queueing import queue_runs_for_series
from inference.runs.withholding import stop_runs_on
from inference.similarity.attributes.rows import forget_attributes
from inference.similarity.words.series_words import mark_words_stale


def handle_instances_stored(event: InstancesStored) -> None:
    """Queue the models that the routing rules want; beat hands them out when due."""
    queue_runs_for_series(event.series_ids)


def note_new_words(event: InstancesStored) -> None:
    """Mark what the studies' series are found by: descriptions and reports may be new."""
    mark_words_stale(event.study_ids)


def handle_new_attributes(event: InstancesStored) -> None:
    """Make the new images findable by their attributes."""
    from inference.similarity.tasks import fill_attributes_task  # noqa: PLC0415 tasks need settings

    fill_attributes_task.apply_async((event.series_ids,), queue="default")


def handle_instances_withheld(event: InstancesWithheld) -> None:
    """Stop runs on what was deleted or rejected; queue them again on what is shown again.

    Series that lost or regained some of their images are found by what they show now.
    """
    from inference.similarity.tasks import refresh_means_task  # noqa: PLC0415 tasks need settings

    if event.is_shown:
        queue_runs_for_series(event.series_ids)
    else:
        stop_runs_on(event.series_ids)
    mark_words_stale(event.study_ids)
    refresh_means_task.apply_async((event.series_ids,), queue="default")


def handle_studies_corrected(event: StudiesCorrected) -> None:
    """Find studies by what is said of them now."""
    from inference.similarity.tasks import fill_attributes_task  # noqa: PLC0415 tasks need settings

    mark_words_stale(event.study_ids)
    series = forget_attributes(event.study_ids)
    fill_attributes_task.apply_async((series,), queue="default")


def subscribe_all() -> None:
    """Subscribe the inference rooms to the archive's events."""
    subscribe(InstancesStored, handle_instances_stored)
    subscribe(InstancesStored, note_new_words)
    subscribe(InstancesStored, handle_new_attributes)
    subscribe(InstancesWithheld, handle_instances_withheld)
    subscribe(StudiesCorrected, handle_studies_corrected)

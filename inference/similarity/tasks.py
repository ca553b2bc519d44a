"""What the scheduler keeps right about vectors: their indexes and what random pairs look like."""

from celery import shared_task

from inference.similarity.attributes.rows import fill_attributes, reconcile_attributes
from inference.similarity.facts import reconcile_copies
from inference.similarity.quality.calibration import refresh_stale_calibrations
from inference.similarity.quality.evaluation import evaluate_default_space
from inference.similarity.quality.quantiles import refresh_stale_quantiles
from inference.similarity.quality.services import run_evaluation
from inference.similarity.realms import reconcile_realms
from inference.similarity.searches.alerts import find_new_matches, forget_unnamed_searches
from inference.similarity.spaces.backfill import complete_fill, purge_retired_spaces
from inference.similarity.spaces.registry import reconcile_indexes
from inference.similarity.spaces.writing import refresh_means
from inference.similarity.suspicions.services import check_new_series
from inference.similarity.words.series_words import mark_missing_words, refresh_words


@shared_task(
    name="inference.similarity.refresh_quantiles",
    acks_late=True,
    soft_time_limit=600,
    time_limit=660,
)
def refresh_quantiles_task() -> None:
    """Measure random pairs anew in every space that has changed."""
    refresh_stale_quantiles()


@shared_task(
    name="inference.similarity.refresh_calibrations",
    acks_late=True,
    soft_time_limit=1740,
    time_limit=1800,
)
def refresh_calibrations_task() -> int:
    """Calibrate anew what close means in every space that has changed."""
    return refresh_stale_calibrations()


@shared_task(
    name="inference.similarity.evaluate_space",
    acks_late=True,
    soft_time_limit=3300,
    time_limit=3600,
)
def evaluate_space_task(space_id: int, label_set: str, level: str, actor_id: int) -> None:
    """Measure a space by a set of labels, as somebody asked."""
    run_evaluation(space_id=space_id, label_set=label_set, level=level, actor_id=actor_id)


@shared_task(
    name="inference.similarity.evaluate_default_space",
    acks_late=True,
    soft_time_limit=3300,
    time_limit=3600,
)
def evaluate_default_space_task() -> int:
    """Measure the default space by every set of labels that has enough."""
    return evaluate_default_space()


@shared_task(
    name="inference.similarity.reconcile_indexes",
    acks_late=True,
    soft_time_limit=3300,
    time_limit=3600,
)
def reconcile_indexes_task() -> None:
    """Make the vector indexes that are missing."""
    reconcile_indexes()
    reconcile_realms()


@shared_task(
    name="inference.similarity.fill_attributes",
    acks_late=True,
    soft_time_limit=540,
    time_limit=600,
)
def fill_attributes_task(series_ids: list[int]) -> int:
    """Make new images of series findable by their attributes; those already in are passed over."""
    return fill_attributes(series_ids)


@shared_task(
    name="inference.similarity.refresh_means",
    acks_late=True,
    soft_time_limit=540,
    time_limit=600,
)
def refresh_means_task(series_ids: list[int]) -> int:
    """Let series stand for the images that they show."""
    return refresh_means(series_ids)


@shared_task(
    name="inference.similarity.reconcile_attributes",
    acks_late=True,
    soft_time_limit=540,
    time_limit=600,
)
def reconcile_attributes_task() -> None:
    """Mend what searches ask instead of the rows: attributes of series, copies of rights."""
    reconcile_attributes()
    reconcile_copies()


@shared_task(
    name="inference.similarity.check_series",
    acks_late=True,
    soft_time_limit=280,
    time_limit=300,
)
def check_series_task() -> int:
    """Look at newly embedded series for twins and contradictions, a few at a time."""
    return check_new_series(limit=2)


@shared_task(
    name="inference.similarity.complete_fill",
    acks_late=True,
    soft_time_limit=3300,
    time_limit=3600,
)
def complete_fill_task(space_id: int) -> None:
    """Index a space that is filled and let it answer; delivered twice, the second does nothing."""
    complete_fill(space_id)


@shared_task(
    name="inference.similarity.purge_spaces",
    acks_late=True,
    soft_time_limit=3300,
    time_limit=3600,
)
def purge_spaces_task() -> None:
    """Delete the vectors of retired spaces."""
    purge_retired_spaces()


@shared_task(
    name="inference.similarity.refresh_words",
    acks_late=True,
    soft_time_limit=240,
    time_limit=300,
)
def refresh_words_task() -> int:
    """Make the words of series anew whose descriptions, labels, findings or reports changed."""
    refreshed = 0
    while count := refresh_words():
        refreshed += count
    return refreshed


@shared_task(
    name="inference.similarity.reconcile_words",
    acks_late=True,
    soft_time_limit=240,
    time_limit=300,
)
def reconcile_words_task() -> int:
    """Mark series that have no words yet; the next refresh makes them."""
    return mark_missing_words()


@shared_task(
    name="inference.similarity.find_new_matches",
    acks_late=True,
    soft_time_limit=240,
    time_limit=300,
)
def find_new_matches_task() -> int:
    """Look for new cases that saved searches want to be told of."""
    forget_unnamed_searches()
    return find_new_matches()

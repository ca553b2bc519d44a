"""What the scheduler keeps right about vectors: their indexes and what random pairs look like."""

from celery import shared_task

from inference.similarity.quantiles import refresh_stale_quantiles
from inference.similarity.spaces import reconcile_indexes


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
    name="inference.similarity.reconcile_indexes",
    acks_late=True,
    soft_time_limit=3300,
    time_limit=3600,
)
def reconcile_indexes_task() -> None:
    """Make the vector indexes that are missing."""
    reconcile_indexes()

from celery import shared_task

from inference.training.adaptation import refit_adapted


@shared_task(
    name="inference.training.refit_adapted", acks_late=True, soft_time_limit=3300, time_limit=3600
)
def refit_adapted_task() -> int:
    """Fit adapted spaces anew whose labels have changed enough."""
    return len(refit_adapted())

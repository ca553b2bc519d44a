from celery import shared_task
from django.conf import settings

from inference.training import services
from inference.training.adaptation import refit_adapted


@shared_task(
    name="inference.training.refit_adapted", acks_late=True, soft_time_limit=3300, time_limit=3600
)
def refit_adapted_task() -> int:
    """Fit adapted spaces anew whose labels have changed enough."""
    return len(refit_adapted())


@shared_task(name="inference.training.dispatch_trainings", soft_time_limit=50, time_limit=60)
def dispatch_trainings_task() -> int:
    """Hand the next training to a worker, where none is under way."""
    keys = services.due_trainings()
    for key in keys:
        train_task.apply_async((key,), queue=settings.TWINSIGHT_TRAINING_QUEUE)
    return len(keys)


@shared_task(
    name="inference.training.train",
    soft_time_limit=services.TRAIN_SOFT_LIMIT_S,
    time_limit=services.TRAIN_LIMIT_S,
)
def train_task(training_id: int) -> None:
    """Train for a while; delivered twice, the second finds nothing to claim."""
    training = services.claim_training(training_id)
    if training is not None:
        # The only way from here into torch: other processes never load it.
        from inference.training.fitting import fit_training  # noqa: PLC0415

        fit_training(training)

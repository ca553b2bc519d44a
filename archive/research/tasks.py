from celery import shared_task

from archive.research.forgetting import forget_erased


@shared_task(name="archive.research.forget_erased", soft_time_limit=540, time_limit=600)
def forget_erased_task() -> int:
    """Forget for whom pseudonyms of erased patients stood."""
    return forget_erased()

from celery import shared_task

from archive.scheduling import services


@shared_task(name="archive.scheduling.complete_quiet_steps", soft_time_limit=20, time_limit=30)
def complete_quiet_steps_task() -> int:
    """Complete the steps whose studies get no more images."""
    return services.complete_quiet_steps()

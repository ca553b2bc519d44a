"""What ends by itself."""

from celery import shared_task

from archive.access import break_glass


@shared_task(name="archive.access.close_emergencies", soft_time_limit=25, time_limit=30)
def close_emergencies_task() -> int:
    """Put on record which emergency accesses ran out; safe to run twice at once."""
    return break_glass.close_ended()

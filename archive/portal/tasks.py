from celery import shared_task

from archive.portal.following import tell_of_arrivals


@shared_task(name="archive.portal.tell_of_arrivals", soft_time_limit=50, time_limit=60)
def tell_of_arrivals_task() -> int:
    """Tell people of studies that arrive and match a filter of theirs."""
    return tell_of_arrivals()

"""Work of the curation that waits for its time."""

from celery import shared_task

from archive.curation import purging


@shared_task(name="archive.curation.purge_removals", soft_time_limit=100, time_limit=120)
def purge_removals_task() -> int:
    """Take away for good what was deleted long enough ago; safe to run twice at once."""
    return purging.purge_due()

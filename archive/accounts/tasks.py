"""What is swept up now and then."""

from celery import shared_task

from archive.accounts.assertions import purge_assertions
from archive.accounts.introspection import purge_tokens


@shared_task(name="archive.accounts.purge_ended", soft_time_limit=60, time_limit=90)
def purge_ended_task() -> None:
    """Forget used assertions and tokens that ended long ago."""
    purge_assertions()
    purge_tokens()

from celery import shared_task

from archive.events import services


@shared_task(name="archive.events.relay_outbox", soft_time_limit=50, time_limit=60)
def relay_outbox_task() -> int:
    """Announce what waits in the outbox; safe to run twice at once."""
    told = 0
    while count := services.relay_outbox():
        told += count
    return told

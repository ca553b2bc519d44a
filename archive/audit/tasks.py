"""What keeps the audit trail whole, and sends it on."""

from celery import shared_task

from archive.audit import chain, sending


@shared_task(name="archive.audit.seal", soft_time_limit=50, time_limit=60)
def seal_task() -> int:
    """Seal new records; safe to run twice at once."""
    return chain.seal_new_records()


@shared_task(name="archive.audit.send", soft_time_limit=50, time_limit=60)
def send_task() -> int:
    """Send sealed records to where the site wants them; one sender at a time."""
    return sending.send_records()

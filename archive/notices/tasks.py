from celery import shared_task

from archive.notices import attention, mailing, purging


@shared_task(name="archive.notices.send_mail", soft_time_limit=40, time_limit=50)
def send_mail_task() -> int:
    """Send the digests that are due; safe to run twice at once."""
    return mailing.send_due_mail()


@shared_task(name="archive.notices.purge", soft_time_limit=40, time_limit=50)
def purge_notices_task() -> int:
    """Forget news that is long past."""
    return purging.purge_old_notices()


@shared_task(name="archive.notices.tell_of_attention", soft_time_limit=40, time_limit=50)
def tell_of_attention_task() -> int:
    """Tell radiology admins of refused files and doubtful identities; twice is once."""
    return attention.tell_of_attention()

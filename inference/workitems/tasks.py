from celery import shared_task

from inference.workitems import delivering
from inference.workitems.leases import release_silent

# Where peers are spoken to: a slow one keeps nothing else waiting.
QUEUE = "transfers"


@shared_task(name="inference.workitems.dispatch_events", soft_time_limit=50, time_limit=60)
def dispatch_events_task() -> int:
    """Hand out what subscribers are to be told."""
    subscribers = delivering.subscribers_with_due()
    for ae_title in subscribers:
        deliver_events_task.apply_async((ae_title,), queue=QUEUE, expires=30)
    return len(subscribers)


@shared_task(name="inference.workitems.deliver_events", soft_time_limit=120, time_limit=135)
def deliver_events_task(ae_title: str) -> int:
    """Tell one subscriber what is due; delivered twice, the second finds little to tell."""
    return delivering.deliver_to(ae_title)


@shared_task(name="inference.workitems.release_silent", soft_time_limit=50, time_limit=60)
def release_silent_task() -> int:
    """Take back what performers outside hold who say nothing any more."""
    return release_silent()

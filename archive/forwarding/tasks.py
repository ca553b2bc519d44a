from celery import shared_task

from archive.forwarding import claiming, commitment, fetching, sending

# A queue of its own: a slow peer keeps nothing else waiting.
QUEUE = "transfers"


@shared_task(name="archive.forwarding.dispatch_transfers", soft_time_limit=50, time_limit=60)
def dispatch_transfers_task() -> int:
    """Bring back what dead workers held, and hand out what is due."""
    claiming.bring_back_lost()
    peers = claiming.peers_with_due()
    for peer_id in peers:
        send_due_task.apply_async((peer_id,), queue=QUEUE, expires=30)
    fetches = fetching.due_fetches()
    for fetch_id in fetches:
        execute_fetch_task.apply_async((fetch_id,), queue=QUEUE, expires=110)
    return len(peers) + len(fetches)


@shared_task(name="archive.forwarding.send_due", soft_time_limit=330, time_limit=345)
def send_due_task(peer_id: int) -> int:
    """Send to one peer for a minute; what is left comes with the next round."""
    return sending.send_due(peer_id, for_s=60)


@shared_task(name="archive.forwarding.execute_fetch", soft_time_limit=1740, time_limit=1800)
def execute_fetch_task(fetch_id: int) -> None:
    """Fetch one study, or ask for a patient's; delivered twice, the second does nothing."""
    fetching.execute_fetch(fetch_id)


@shared_task(name="archive.forwarding.dispatch_commitments", soft_time_limit=50, time_limit=60)
def dispatch_commitments_task() -> int:
    """Hand out the requests for storage commitment that are due."""
    keys = commitment.due_commitments()
    for key in keys:
        answer_commitment_task.apply_async((key,), queue=QUEUE)
    return len(keys)


@shared_task(name="archive.forwarding.answer_commitment", soft_time_limit=1740, time_limit=1800)
def answer_commitment_task(commitment_id: int) -> bool:
    """Read again what a peer wants kept, and report; done twice, it reports twice at worst."""
    return commitment.answer_commitment(commitment_id)

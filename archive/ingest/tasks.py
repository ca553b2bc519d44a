from celery import shared_task

from archive.storage.stores import blob_store

# Longer than any upload lasts.
SPOOL_AGE_S = 24 * 3600


@shared_task(name="archive.ingest.sweep_storage", soft_time_limit=600, time_limit=660)
def sweep_storage_task() -> int:
    """Remove spool files that no process writes any more."""
    return blob_store().sweep_spool(SPOOL_AGE_S)

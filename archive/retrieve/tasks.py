"""Work done behind an answer's back."""

from celery import shared_task

from archive.retrieve import metadata


@shared_task(name="archive.retrieve.fill_metadata", soft_time_limit=540, time_limit=600)
def fill_metadata_task(instance_ids: list[int]) -> int:
    """Compute the metadata of new instances; those already done are passed over."""
    return len(metadata.fill_metadata(instance_ids))

from celery import shared_task

from archive.statistics import counting, sampling


@shared_task(name="archive.statistics.count_days", soft_time_limit=110, time_limit=120)
def count_days_task() -> int:
    """Count what arrived on the newest days; counted twice at once, the second waits."""
    return counting.count_days()


@shared_task(name="archive.statistics.sample_storage", soft_time_limit=40, time_limit=50)
def sample_storage_task() -> int:
    """Write down how full the disk is; twice is one sample more."""
    sampling.take_sample()
    return sampling.thin_samples()

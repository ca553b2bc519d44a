from celery import shared_task

from archive.statistics import counting, sampling


@shared_task(name="archive.statistics.count_days", soft_time_limit=110, time_limit=120)
def count_days_task() -> int:
    """Count what arrived on the newest days; counted twice at once, the second waits."""
    return counting.count_days()


@shared_task(name="archive.statistics.sample_storage", soft_time_limit=40, time_limit=50)
def sample_storage_task() -> int:
    """Write down how full the disk is where that is due; twice at once is one sample more."""
    if not sampling.is_sample_due():
        return 0
    sampling.take_sample()
    return sampling.thin_samples()

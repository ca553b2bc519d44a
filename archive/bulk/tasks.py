import contextlib

from celery import shared_task
from kombu.exceptions import OperationalError

from archive.bulk import exporting, working

# Beside what goes to peers: it reads and writes files, and nobody waits for a page.
QUEUE = "transfers"
_SLICE_S = 60


@shared_task(name="archive.bulk.dispatch_jobs", soft_time_limit=50, time_limit=60)
def dispatch_jobs_task() -> int:
    """Hand out the jobs that wait or whose worker died."""
    jobs = working.due_jobs()
    for job_id in jobs:
        work_on_job_task.apply_async((job_id,), queue=QUEUE, expires=30)
    return len(jobs)


@shared_task(name="archive.bulk.work_on_job", soft_time_limit=3300, time_limit=3600)
def work_on_job_task(job_id: int) -> None:
    """Do steps of one job for a minute; delivered twice, the second does nothing."""
    if working.work_on_job(job_id, for_s=_SLICE_S):
        wake_worker(job_id)


@shared_task(name="archive.bulk.remove_results", soft_time_limit=240, time_limit=300)
def remove_results_task() -> int:
    """Remove files whose time is over, and what cancelled jobs left."""
    return exporting.remove_old_results()


def wake_worker(job_id: int) -> None:
    """Tell a worker at once; without a broker, the dispatcher comes by within seconds."""
    with contextlib.suppress(OperationalError):
        work_on_job_task.apply_async((job_id,), queue=QUEUE, expires=30, retry=False)

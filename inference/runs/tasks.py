from celery import shared_task

from inference.runs import filling, services
from inference.similarity.tasks import complete_fill_task


@shared_task(name="inference.runs.dispatch_runs", soft_time_limit=50, time_limit=60)
def dispatch_runs_task() -> int:
    """Hand the runs that are due to the workers."""
    keys = services.due_runs()
    for key in keys:
        execute_run_task.delay(key)
    return len(keys)


@shared_task(
    name="inference.runs.execute_run",
    soft_time_limit=services.RUN_SOFT_LIMIT_S,
    time_limit=services.RUN_LIMIT_S,
)
def execute_run_task(run_id: int) -> None:
    """Run one model on one series; delivered twice, the second finds nothing to claim."""
    run = services.claim_run(run_id)
    if run is not None:
        # The only way from the product into torch: other processes never load it.
        from inference.runs.execution import execute_run  # noqa: PLC0415

        execute_run(run)


@shared_task(name="inference.runs.reconcile_runs", soft_time_limit=280, time_limit=300)
def reconcile_runs_task() -> int:
    """Bring back lost runs and queue missing ones."""
    return services.reconcile_runs()


@shared_task(name="inference.runs.fill_spaces", soft_time_limit=50, time_limit=60)
def fill_spaces_task() -> int:
    """Fill embedding spaces a step further, beside everything else."""
    complete = filling.fill_spaces()
    for space_id in complete:
        complete_fill_task.delay(space_id)
    return len(complete)

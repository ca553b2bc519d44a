from celery import shared_task

from inference.runs import (
    claiming,
    dispatching,
    drift,
    explanations,
    filling,
    reconciling,
    sending,
    timing,
)
from inference.similarity.tasks import complete_fill_task


@shared_task(name="inference.runs.dispatch_runs", soft_time_limit=50, time_limit=60)
def dispatch_runs_task() -> int:
    """Bring back what dead workers left, and hand the runs that are due to the others."""
    reconciling.bring_back_lost()
    due = dispatching.queues_of(dispatching.due_runs())
    for key, queue in due:
        execute_run_task.apply_async((key,), queue=queue)
    return len(due)


@shared_task(
    name="inference.runs.execute_run",
    soft_time_limit=timing.RUN_SOFT_LIMIT_S,
    time_limit=timing.RUN_LIMIT_S,
)
def execute_run_task(run_id: int) -> None:
    """Run one model on one series; delivered twice, the second finds nothing to claim."""
    run = claiming.claim_next(run_id)
    if run is not None:
        # The only way from the product into torch: other processes never load it.
        from inference.runs.execution import execute_run  # noqa: PLC0415

        execute_run(run)


@shared_task(name="inference.runs.explain_run", soft_time_limit=280, time_limit=300)
def explain_run_task(run_id: int) -> None:
    """Make the heat map that somebody asked for; delivered twice, the second changes nothing."""
    answer = explanations.open_answer(run_id)
    if answer is not None:
        from inference.runs.execution import explain_run  # noqa: PLC0415 as above

        explain_run(run_id, answer)


@shared_task(name="inference.runs.reconcile_runs", soft_time_limit=280, time_limit=300)
def reconcile_runs_task() -> int:
    """Bring back lost runs and queue missing ones."""
    return reconciling.reconcile_runs()


@shared_task(name="inference.runs.send_notices", soft_time_limit=20, time_limit=30)
def send_notices_task() -> int:
    """Tell people by mail and webhook what became of runs."""
    return sending.send_due_notices()


@shared_task(name="inference.runs.watch_drift", soft_time_limit=50, time_limit=60)
def watch_drift_task() -> int:
    """Compare what models get and say with what they got and said before."""
    return drift.watch_models()


@shared_task(name="inference.runs.fill_spaces", soft_time_limit=50, time_limit=60)
def fill_spaces_task() -> int:
    """Fill embedding spaces a step further, beside everything else."""
    complete = filling.fill_spaces()
    for space_id in complete:
        complete_fill_task.delay(space_id)
    return len(complete)

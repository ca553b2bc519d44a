"""How the queues of the AI stand, for the page of queues and for the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Min
from django.utils.translation import gettext_lazy as _

from archive.errors import ArchiveError
from archive.statistics.queues import bounded, leased_state, register_queue
from archive.statistics.types import QueueState, WorkQueue
from inference.models import Run, RunNotice, TrainingRun
from inference.runs.control import retry_run

if TYPE_CHECKING:
    from archive.audit.types import Asker

# The newest failures that one press of a button tries again.
MOST_RETRIED = 200


def register_queues() -> None:
    """Show the AI's queues beside the archive's; called once, when the program starts."""
    register_queue(WorkQueue("runs", _("Runs of models"), _runs, "runs:run-list", _retry_runs))
    register_queue(
        WorkQueue("trainings", _("Training of models"), _trainings, "training:training-list")
    )
    register_queue(WorkQueue("run-news", _("News of runs"), _news, "runs:notices"))


def _runs() -> QueueState:
    return leased_state(Run.objects.all(), waiting="queued", running="running", failed="dead")


def _retry_runs(asker: Asker) -> int:
    """Try the newest failures again; what can't be is left, as its own page says why."""
    dead = Run.objects.filter(state=Run.State.DEAD).order_by("-pk")
    number = 0
    for key in dead.values_list("pk", flat=True)[:MOST_RETRIED]:
        try:
            retry_run(asker=asker, run_id=key)
        except ArchiveError:
            continue
        number += 1
    return number


def _trainings() -> QueueState:
    return leased_state(
        TrainingRun.objects.all(), waiting="queued", running="running", failed="failed"
    )


def _news() -> QueueState:
    rows = RunNotice.objects.filter(sent_at__isnull=True)
    return QueueState(
        waiting=bounded(rows.filter(error="")),
        failed=bounded(rows.exclude(error="")),
        oldest=rows.aggregate(oldest=Min("created_at"))["oldest"],
    )

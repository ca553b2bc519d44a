"""Runs are handed out once, the most urgent first."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from inference.models import ModelVersion, Run
from inference.runs.claiming import claim_next
from inference.runs.dispatching import due_runs, more_urgent_than, queues_of
from inference.runs.queueing import queue_runs_for_series
from tests.builders.datasets import make_dataset
from tests.builders.runs import due_run
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory, RoutingRuleFactory

if TYPE_CHECKING:
    from archive.models import Series

pytestmark = pytest.mark.django_db


def test_due_runs_are_handed_out_once_with_embeddings_first(series: Series) -> None:
    late = due_run(series)
    first = due_run(series, ModelVersionFactory(task=ModelVersion.Task.EMBED))

    assert due_runs() == [first.pk, late.pk]
    assert due_runs() == []


def test_run_lost_by_the_broker_is_handed_out_again(series: Series) -> None:
    run = due_run(series)
    due_runs()
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert due_runs() == [run.pk]


def test_stat_is_handed_out_before_routine(series: Series) -> None:
    routine = due_run(series)
    embedding = due_run(series, ModelVersionFactory(task=ModelVersion.Task.EMBED))
    stat = due_run(series, priority=9)
    high = due_run(series, priority=5)

    assert due_runs() == [stat.pk, high.pk, embedding.pk, routine.pk]


def test_stat_overtakes_what_the_broker_holds_already(series: Series) -> None:
    routine = due_run(series)
    assert due_runs() == [routine.pk]
    stat = due_run(series, priority=9)

    claimed = claim_next(routine.pk)

    assert claimed is not None
    assert claimed.pk == stat.pk
    assert due_runs() == [routine.pk]


def test_runs_of_other_queues_are_not_overtaken(series: Series) -> None:
    routine = due_run(series)
    on_gpu = due_run(series, ModelVersionFactory(config={"queue": "gpu"}), priority=9)

    assert more_urgent_than(routine.pk) is None
    assert queues_of([on_gpu.pk, routine.pk]) == [(on_gpu.pk, "gpu"), (routine.pk, "inference")]


def test_a_second_wish_raises_the_urgency_and_never_lowers_it(series: Series) -> None:
    version = ModelVersionFactory()
    due_run(series, version, priority=5)
    due_run(series, version, priority=9)
    due_run(series, version)

    assert Run.objects.get().priority == 9


def test_request_of_the_images_says_how_urgent_they_are(project: object) -> None:
    stat, routine = store_datasets(
        make_dataset(RequestedProcedurePriority="STAT"), make_dataset(), project=project
    )
    RoutingRuleFactory()

    queue_runs_for_series([stat.series_id, routine.series_id])

    urgency = dict(Run.objects.values_list("series", "priority"))
    assert urgency == {stat.series_id: 9, routine.series_id: 0}

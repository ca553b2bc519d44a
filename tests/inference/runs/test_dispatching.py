"""Runs are handed out once, the most urgent first."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from inference.models import ModelVersion, Run
from inference.runs.dispatching import due_runs
from tests.builders.runs import due_run
from tests.factories.inference import ModelVersionFactory

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

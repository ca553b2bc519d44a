"""No run is lost, and none is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from inference.models import Run
from inference.runs.claiming import claim_run
from inference.runs.reconciling import reconcile_runs
from tests.builders.runs import due_run
from tests.factories.inference import RoutingRuleFactory

if TYPE_CHECKING:
    from archive.models import Series

pytestmark = pytest.mark.django_db


def test_run_of_a_dead_worker_comes_back(series: Series) -> None:
    run = claim_run(due_run(series).pk)
    assert run is not None
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert reconcile_runs() == 1

    run.refresh_from_db()
    assert run.state == Run.State.QUEUED


def test_missing_runs_are_queued_by_the_reconciler(series: Series) -> None:
    RoutingRuleFactory()
    type(series).objects.update(created_at=timezone.now() - timedelta(hours=1))

    assert reconcile_runs() == 1
    assert reconcile_runs() == 0

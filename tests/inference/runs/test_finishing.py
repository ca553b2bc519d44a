"""A run is finished once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from inference.models import ModelVersion, Run
from inference.runs.claiming import claim_run
from inference.runs.dispatching import due_runs
from inference.runs.finishing import fail_run, finish_run
from inference.runs.reconciling import bring_back_lost
from inference.runs.timing import MAX_ATTEMPTS, MAX_WORKER_DEATHS
from inference.runs.types import FindingValue, RunOutcome
from tests.builders.runs import claimed_run, due_run
from tests.factories.archive import InstanceFactory
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from archive.models import Series

pytestmark = pytest.mark.django_db


def test_finish_writes_findings_device_and_outputs(series: Series) -> None:
    run = claim_run(due_run(series).pk)
    assert run is not None
    finding = FindingValue(kind="classification", name="modality", label="CT", probability=0.9)

    finish_run(run, RunOutcome(device="cpu", findings=(finding,), outputs={"sr": "1.2"}))

    run.refresh_from_db()
    assert (run.state, run.device, run.outputs) == (Run.State.SUCCEEDED, "cpu", {"sr": "1.2"})
    assert run.findings.get().label == "CT"


def test_retriable_failure_pauses_then_dies_after_the_last_attempt(series: Series) -> None:
    run = due_run(series)
    for _ in range(MAX_ATTEMPTS):
        claimed = claim_run(run.pk)
        assert claimed is not None
        fail_run(claimed, "disk", is_retriable=True)

    run.refresh_from_db()
    assert (run.state, run.message, run.attempts) == (Run.State.DEAD, "disk", 3)


def test_result_of_a_worker_that_lost_its_claim_is_dropped(series: Series) -> None:
    slow = claimed_run(series)
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    bring_back_lost()
    Run.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    quick = claim_run(slow.pk)
    assert quick is not None
    finding = FindingValue(kind="classification", name="modality", label="CT", probability=0.9)

    finish_run(slow, RunOutcome(device="old", findings=(finding,)))

    quick.refresh_from_db()
    assert (quick.state, quick.device) == (Run.State.RUNNING, "")
    finish_run(quick, RunOutcome(device="new"))
    quick.refresh_from_db()
    assert (quick.state, quick.device, quick.findings.count()) == ("succeeded", "new", 0)


def test_case_that_kills_three_workers_is_set_aside(series: Series) -> None:
    run = due_run(series)
    for _ in range(MAX_WORKER_DEATHS):
        Run.objects.update(not_before=timezone.now() - timedelta(seconds=1))
        assert claim_run(run.pk) is not None
        Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert bring_back_lost() == 1

    run.refresh_from_db()
    assert (run.state, run.worker_deaths) == (Run.State.DEAD, 3)
    assert "Set aside" in run.message
    assert due_runs() == []


def test_deaths_of_workers_are_no_failures_of_the_model(series: Series) -> None:
    run = claimed_run(series)
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    bring_back_lost()
    for _ in range(MAX_ATTEMPTS):
        run.refresh_from_db()
        assert run.state == Run.State.QUEUED
        claimed = claim_run(run.pk)
        assert claimed is not None
        fail_run(claimed, "disk", is_retriable=True)

    run.refresh_from_db()
    assert (run.state, run.message) == (Run.State.DEAD, "disk")


@pytest.mark.parametrize("how", ["done", "failed", "put on trial and off again"])
def test_run_whose_version_is_put_on_trial_meanwhile_stays_one(series: Series, how: str) -> None:
    run = claimed_run(series, ModelVersionFactory(state="active"))
    result = InstanceFactory(series__study=series.study)
    ModelVersion.objects.update(state="shadow")
    if how == "put on trial and off again":
        Run.objects.update(is_shadow=True)
        ModelVersion.objects.update(state="draft")

    if how == "failed":
        fail_run(run, "Broken.", is_retriable=True)
    else:
        finish_run(run, RunOutcome(device="cpu", outputs={"seg": result.sop_instance_uid}))
    ModelVersion.objects.update(state="retired")

    run.refresh_from_db()
    assert run.is_shadow
    assert not Run.objects.standing().exists()
    result.series.refresh_from_db()
    assert result.series.withheld == ("" if how == "failed" else "trial")

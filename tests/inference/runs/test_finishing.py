"""A run is finished once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.models import Run
from inference.runs.claiming import claim_run
from inference.runs.finishing import fail_run, finish_run
from inference.runs.timing import MAX_ATTEMPTS
from inference.runs.types import FindingValue, RunOutcome
from tests.builders.runs import due_run

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

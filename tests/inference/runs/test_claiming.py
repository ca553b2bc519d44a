"""A run is claimed once, and states what it analyses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.models import ModelVersion, Run
from inference.runs.claiming import claim_run, keep_claim
from inference.runs.finishing import finish_run
from inference.runs.types import RunOutcome
from tests.builders.runs import claimed_run, due_run
from tests.factories.archive import InstanceFactory
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from archive.models import Series

pytestmark = pytest.mark.django_db


def test_claim_is_given_once(series: Series) -> None:
    run = due_run(series)

    claimed = claim_run(run.pk)

    assert claimed is not None
    assert claimed.input_digest
    assert claim_run(run.pk) is None


def test_same_input_is_not_analysed_twice(series: Series) -> None:
    version = ModelVersionFactory()
    first = claim_run(due_run(series, version).pk)
    assert first is not None
    finish_run(first, RunOutcome(device="cpu"))

    second = due_run(series, version)

    assert claim_run(second.pk) is None
    second.refresh_from_db()
    assert second.state == Run.State.SKIPPED


def test_more_slices_are_analysed_after_the_run_under_way(series: Series) -> None:
    version = ModelVersionFactory()
    first = claim_run(due_run(series, version).pk)
    InstanceFactory(series=series)
    second = due_run(series, version)

    assert claim_run(second.pk) is None
    assert first is not None
    finish_run(first, RunOutcome(device="cpu"))
    assert claim_run(second.pk) is not None


def test_claim_states_every_image_with_its_digest(series: Series) -> None:
    run = claimed_run(series)

    assert run.inputs == dict(series.instances.values_list("sop_instance_uid", "dataset_sha256"))
    assert "Attempt 1" in run.log


def test_model_does_not_run_where_its_intended_use_excludes_the_series(series: Series) -> None:
    run = due_run(series, ModelVersionFactory(inputs={"modalities": ["MR"]}))

    assert claim_run(run.pk) is None

    run.refresh_from_db()
    assert run.state == Run.State.SKIPPED
    assert "MR" in run.message


def test_claim_of_another_worker_is_not_kept(series: Series) -> None:
    run = claimed_run(series)
    Run.objects.filter(pk=run.pk).update(attempts=2)

    assert not keep_claim(run)


@pytest.mark.parametrize("state", ["shadow", "active"])
def test_claim_says_whether_the_version_is_on_trial_by_now(series: Series, state: str) -> None:
    run = due_run(series, ModelVersionFactory(state="active"))
    ModelVersion.objects.update(state=state)

    assert claim_run(run.pk) is not None

    run.refresh_from_db()
    assert run.is_shadow == (state == "shadow")

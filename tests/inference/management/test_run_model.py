from __future__ import annotations

import pytest

from inference.models import ModelVersion, Run
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(project):
    uids = {"StudyInstanceUID": "1.2.3"}
    return [instance.series for instance in store_datasets(*(make_dataset(**uids) for _ in "ab"))]


def test_model_is_queued_on_each_series_of_a_study(run, series):
    version = ModelVersionFactory(name="head")

    ran = run("run_model", "head", "1.2.3")

    assert "2 runs of head 1 queued." in ran.out
    queued = Run.objects.all()
    assert {row.series for row in queued} == set(series)
    assert {row.model_version for row in queued} == {version}


def test_version_can_be_named_and_retired_ones_are_named_as_such(run, series):
    ModelVersionFactory(name="head", version="1")
    ModelVersionFactory(name="head", version="2", state=ModelVersion.State.RETIRED)

    run("run_model", "head:1", series[0].series_instance_uid)

    assert Run.objects.get().model_version.version == "1"
    assert "head 2 is retired" in str(run("run_model", "head:2", "1.2.3").error)
    assert "no model" in str(run("run_model", "head:3", "1.2.3").error)


def test_now_runs_here_and_says_what_became_of_it(run, series):
    ModelVersionFactory(name="ct", pipeline="ct_threshold", task="segment")

    ran = run("run_model", "ct", series[0].series_instance_uid, "--now")

    finished = Run.objects.get()
    assert finished.state in {Run.State.SKIPPED, Run.State.SUCCEEDED}
    assert f"{finished.state}: {series[0].series_instance_uid}" in ran.out


@pytest.mark.parametrize("state", ["shadow", "draft"])
def test_what_a_version_in_shadow_says_is_for_reviewers_for_good(run, series, state):
    version = ModelVersionFactory(name="head", state=state)

    run("run_model", "head", "1.2.3")
    ModelVersion.objects.filter(pk=version.pk).update(state="retired")

    assert {row.is_shadow for row in Run.objects.all()} == {state == "shadow"}


def test_unknown_uid_is_one_sentence(run, series):
    ModelVersionFactory(name="head")

    ran = run("run_model", "head", "1.2.3", "9.9.9")

    assert str(ran.error) == "There is no study or series 9.9.9."
    assert Run.objects.count() == 0

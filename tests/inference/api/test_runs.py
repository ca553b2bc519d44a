"""Runs at the REST door."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from inference.models import ModelVersion, Run
from inference.runs.finishing import fail_run
from tests.builders.datasets import make_dataset
from tests.builders.runs import claimed_run, due_run
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from archive.models import Project, Series

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(project: Project) -> Series:
    return store_datasets(make_dataset(), project=project)[0].series


@pytest.fixture
def ours(radiologist: object) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(radiologist)
    return client


@pytest.fixture
def theirs(outsider: object) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(outsider)
    return client


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json")


def test_stat_run_is_queued_and_listed_with_its_place(ours: Client, series: Series) -> None:
    due_run(series)
    version = ModelVersionFactory(name="bones")
    body = {"model": "bones", "series": series.series_instance_uid, "priority": "stat"}

    created = post(ours, "runs", body)
    listed = ours.get("/api/v1/runs", {"state": "queued", "model": "bones"}).json()["results"]

    assert created.status_code == 202
    assert [one["id"] for one in listed] == [created.json()["id"]]
    assert (listed[0]["place"], listed[0]["priority"]) == (1, "stat")
    assert listed[0]["requested_by"] == "radiologist"
    assert listed[0]["version"] == version.version


def test_one_run_tells_its_course(ours: Client, series: Series) -> None:
    run = claimed_run(series)

    told = ours.get(f"/api/v1/runs/{run.pk}").json()

    assert told["state"] == "running"
    assert told["inputs"] == run.inputs
    assert "Attempt 1" in told["log"]


def test_run_is_cancelled_and_tried_again(ours: Client, series: Series) -> None:
    run = due_run(series)

    cancelled = post(ours, f"runs/{run.pk}/cancel")
    twice = post(ours, f"runs/{run.pk}/cancel")
    again = post(ours, f"runs/{run.pk}/retry")

    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    assert (twice.status_code, twice.json()["code"]) == (409, "run-conflict")
    assert (again.status_code, again.json()["again_of"]) == (202, run.pk)


def test_another_version_is_run_again(ours: Client, series: Series) -> None:
    run = claimed_run(series)
    fail_run(run, "broken", is_retriable=False)
    ModelVersionFactory(name=run.model_version.name, version="2")

    again = post(ours, f"runs/{run.pk}/retry", {"version": "2"})

    assert (again.status_code, again.json()["version"]) == (202, "2")


def test_what_the_intended_use_excludes_is_refused(ours: Client, series: Series) -> None:
    ModelVersionFactory(name="mr-only", inputs={"modalities": ["MR"]})
    body = {"model": "mr-only", "series": series.series_instance_uid}

    refused = post(ours, "runs", body)

    assert (refused.status_code, refused.json()["code"]) == (422, "unsupported-input")
    assert not Run.objects.exists()


def test_a_retired_model_is_named_as_such(ours: Client, series: Series) -> None:
    ModelVersionFactory(name="bones", state="retired")
    run = claimed_run(series)

    refused = post(ours, "runs", {"model": "bones", "series": series.series_instance_uid})
    again = post(ours, f"runs/{run.pk}/retry", {"version": "bones:1"})
    unknown = post(ours, "runs", {"model": "stones", "series": series.series_instance_uid})

    for answer in (refused, again):
        assert (answer.status_code, answer.json()["code"]) == (409, "model-retired")
        assert answer.json()["detail"] == "The model bones 1 is retired."
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")


def test_too_many_runs_are_refused(ours: Client, series: Series, settings: Any) -> None:
    settings.TWINSIGHT_RUNS_OPEN_PER_USER = 0
    ModelVersionFactory(name="bones")

    refused = post(ours, "runs", {"model": "bones", "series": series.series_instance_uid})

    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-runs")


def test_runs_of_others_are_not_there(theirs: Client, series: Series) -> None:
    run = due_run(series)

    assert theirs.get("/api/v1/runs").json()["results"] == []
    for answer in (
        theirs.get(f"/api/v1/runs/{run.pk}"),
        post(theirs, f"runs/{run.pk}/cancel"),
        post(theirs, f"runs/{run.pk}/retry"),
    ):
        assert answer.status_code == 404


def test_runs_in_shadow_are_for_reviewers(ours: Client, series: Series, colleague: object) -> None:
    by_rule = due_run(series, is_shadow=True)
    by_state = due_run(series, ModelVersionFactory(state=ModelVersion.State.SHADOW))
    looks_only = Client()
    looks_only.force_login(colleague)

    assert {one["id"] for one in ours.get("/api/v1/runs").json()["results"]} == {
        by_rule.pk,
        by_state.pk,
    }
    assert looks_only.get("/api/v1/runs").json()["results"] == []
    assert looks_only.get(f"/api/v1/runs/{by_rule.pk}").status_code == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "stat=1", "before=-1", "model=a%00"])
def test_misspelt_filters_are_refused(ours: Client, query: str) -> None:
    assert ours.get(f"/api/v1/runs?{query}").status_code == 400

"""Marks of models at the REST door, and asking why."""

from __future__ import annotations

import pytest
from django.utils import timezone

from inference.models import Finding
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory, RunFactory

pytestmark = pytest.mark.django_db

OVERLAY = {
    "image": "1.2.3",
    "frame": 1,
    "rows": 1,
    "columns": 2,
    "values": "AP8=",
    "says": "CHEST",
    "method": "occlusion",
    "strength": 0.4,
}


@pytest.fixture
def series(project):
    return store_datasets(make_dataset(), project=project)[0].series


@pytest.fixture
def run(series):
    run = RunFactory(
        series=series,
        state="succeeded",
        model_version=ModelVersionFactory(),
        not_before=timezone.now(),
    )
    Finding.objects.create(
        run=run, series=series, kind="classification", name="body_part", label="CHEST"
    )
    return run


def url_of(series):
    return f"/api/v1/series/{series.series_instance_uid}/marks"


def test_what_can_be_explained_is_named_until_it_is(client, radiologist, series, run):
    client.force_login(radiologist)
    body = client.get(url_of(series)).json()
    assert [one["says"] for one in body["unexplained"]] == ["CHEST"]
    assert body["heat"] == body["boxes"] == []

    run.outputs = {"heatmap": "1.2", "overlay": OVERLAY}
    run.save()
    body = client.get(url_of(series)).json()
    assert body["unexplained"] == []
    (heat,) = body["heat"]
    assert heat["notice"] == "Not for diagnostic use"
    assert {key: heat[key] for key in OVERLAY} == OVERLAY


def test_heat_goes_with_the_answer_that_it_explains(client, radiologist, series, run):
    Finding.objects.create(
        run=run,
        series=series,
        kind="classification",
        name="modality",
        label="CT",
        review="rejected",
    )
    answer = Finding.objects.create(
        run=run, series=series, kind="classification", name="body_part", label="CHEST"
    )
    client.force_login(radiologist)
    assert len(client.get(url_of(series)).json()["unexplained"]) == 1
    run.outputs = {"heatmap": "1.2", "overlay": OVERLAY}
    run.save()
    assert len(client.get(url_of(series)).json()["heat"]) == 1

    answer.review = "rejected"
    answer.save()

    assert client.get(url_of(series)).json()["heat"] == []
    run.outputs = {}
    run.save()
    assert client.get(url_of(series)).json()["unexplained"] == []


def test_boxes_are_given_with_their_slices(client, radiologist, series, run):
    Finding.objects.create(
        run=run,
        series=series,
        kind="detection",
        name="finding",
        label="lung nodule",
        probability=0.9,
        location={"slices": [["1.2.3", 1, 10.0, 20.0, 8.0, 8.0]]},
    )
    client.force_login(radiologist)
    (box,) = client.get(url_of(series)).json()["boxes"]
    assert (box["says"], box["probability"]) == ("lung nodule", 0.9)
    assert box["slices"] == [["1.2.3", 1, 10.0, 20.0, 8.0, 8.0]]


def test_marks_in_shadow_are_for_reviewers(client, colleague, radiologist, series, run):
    run.is_shadow = True
    run.save()
    client.force_login(colleague)
    assert client.get(url_of(series)).json()["unexplained"] == []
    client.force_login(radiologist)
    assert len(client.get(url_of(series)).json()["unexplained"]) == 1


def test_others_find_nothing(client, outsider, series, run):
    client.force_login(outsider)
    assert client.get(url_of(series)).status_code == 404
    assert client.post(f"/api/v1/runs/{run.pk}/explain").status_code == 404


def test_who_may_label_may_ask_why(client, radiologist, colleague, run):
    client.force_login(colleague)
    assert client.post(f"/api/v1/runs/{run.pk}/explain").status_code == 403
    client.force_login(radiologist)
    assert client.post(f"/api/v1/runs/{run.pk}/explain").status_code == 202
    run.outputs = {"heatmap": "1.2"}
    run.save()
    assert client.post(f"/api/v1/runs/{run.pk}/explain").status_code == 409

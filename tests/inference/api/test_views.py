"""The AI's REST endpoints."""

from __future__ import annotations

import json
import math

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from archive.models import OutboxEvent
from inference.models import Label, ModelVersion, Run
from inference.runs.queueing import queue_run
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.builders.vectors import direction, make_case, make_space
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db

ABSENT = "1.2.3.4.5"


def _post(client: Client, path: str, body: object):
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


@pytest.fixture
def cases(project, other_project):
    """Three cases of ours on a circle, and one of others right beside the first."""
    space = make_space()
    ours = [
        make_case(
            space,
            [direction(angle)],
            projects=[project],
            body_part_examined=part,
            study={"study_description": f"at {angle}"},
        )
        for angle, part in ((0.0, "CHEST"), (0.2, "CHEST"), (1.0, "HEAD"))
    ]
    hidden = make_case(space, [direction(0.01)], projects=[other_project])
    return ours, hidden


def test_similar_ranks_what_the_asker_may_see(client, cases):
    (query, near, far), hidden = cases

    response = _post(client, "similar", {"series": query.series_instance_uid})

    assert response.status_code == 200
    answer = response.json()
    found = [result["series_uid"] for result in answer["results"]]
    assert found == [near.series_instance_uid, far.series_instance_uid]
    assert hidden.series_instance_uid not in response.content.decode()
    assert answer["level"] == "series"
    assert answer["exact"] is True
    assert answer["took_ms"] > 0
    first = answer["results"][0]
    assert first["score"] == pytest.approx(math.cos(0.2), abs=0.01)
    assert first["score_kind"] == "cosine"
    assert first["study_uid"] == near.study.study_instance_uid
    assert first["thumbnail"].startswith("/dicom-web/")
    assert first["explain"]["agrees"]


def test_similar_filters(client, cases):
    (query, _, far), _ = cases
    body = {"series": query.series_instance_uid, "filters": {"body_part": "HEAD"}, "k": 5}

    answer = _post(client, "similar", body).json()

    assert [result["series_uid"] for result in answer["results"]] == [far.series_instance_uid]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "query"),
        ({"series": ABSENT, "k": 0}, "k"),
        ({"series": ABSENT, "k": "many"}, "k"),
        ({"series": ABSENT, "level": "pixel"}, "level"),
        ({"series": ABSENT, "filters": {"modalty": "CT"}}, "modalty"),
        ({"series": ABSENT, "fitlers": {}}, "fitlers"),
        ({"series": ABSENT, "region": [1, 2, 3, 4]}, "region"),
        ({"instance": ABSENT, "region": [1, 2, 3]}, "region"),
        ({"series": "1.2\x00"}, "series"),
        ({"text": "x" * 1001}, "text"),
        ({"text": "left\x00lung"}, "text"),
        ({"text": ["nodule"]}, "text"),
        ({"series": ABSENT, "space": "no-such-space"}, "space"),
        ({"positive": ["1.2"], "negative": ["1.2"]}, "negative"),
        ({"series": ABSENT, "filters": {"date_from": "soon"}}, "date_from"),
        ([], ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_similar_refuses_what_it_does_not_understand(client, cases, body, named):
    response = _post(client, "similar", body)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert named in response.content.decode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"series": "\\ud800"}',
        b'{"k": NaN}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=["empty", "cut", "bytes", "surrogate", "nan", "deep-list", "deep-object"],
)
@pytest.mark.parametrize("path", ["similar", "labels", "runs"])
def test_malformed_json_is_a_client_error(client, path, content):
    response = client.post(f"/api/v1/{path}", content, content_type="application/json")

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_huge_json_is_too_large(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    response = _post(client, "labels", [{"label": "x" * 2000}])

    assert response.status_code == 413


def test_other_media_types_are_refused(client):
    response = client.post("/api/v1/runs", "<a/>", content_type="application/xml")

    assert response.status_code == 415
    assert response["Content-Type"] == "application/problem+json"


def test_similar_to_what_is_hidden_is_like_what_is_absent(client, cases):
    _, hidden = cases

    forbidden = _post(client, "similar", {"series": hidden.series_instance_uid})
    absent = _post(client, "similar", {"series": ABSENT})

    assert forbidden.status_code == absent.status_code == 404
    assert forbidden.content == absent.content


def test_similar_to_what_is_not_embedded_can_be_asked_again(client, project):
    make_space()
    instance = store_datasets(make_dataset(), project=project)[0]

    response = _post(client, "similar", {"series": instance.series.series_instance_uid})

    assert response.status_code == 409
    assert response.json()["code"] == "not-embedded"


def test_similar_form_without_an_image_is_refused(client, cases):
    response = client.post("/api/v1/similar", {"k": "3"})

    assert response.status_code == 400
    assert response.json()["code"] == "empty"


def test_similar_form_with_what_is_no_image_is_refused(client, cases):
    image = SimpleUploadedFile("image.png", b"no picture")

    response = client.post("/api/v1/similar", {"image": image, "k": "3"})

    assert response.status_code == 400
    assert response.json()["code"] == "image-undecodable"
    assert response.json()["field"] == "image"


def test_similar_form_takes_lists_and_filters_as_json(client, cases):
    image = SimpleUploadedFile("image.png", b"no picture")
    fields = {"filters": '{"modality": ["CT"]}', "region": "[0, 0, 5, 5]", "fold": "false"}

    response = client.post("/api/v1/similar", {"image": image, **fields})

    assert response.json()["code"] == "image-undecodable"


@pytest.mark.parametrize("fields", [{"filters": "{"}, {"filters": "[1]"}, {"color": "red"}])
def test_similar_form_with_bad_fields_is_refused(client, cases, fields):
    image = SimpleUploadedFile("image.png", b"no picture")

    response = client.post("/api/v1/similar", {"image": image, **fields})

    assert response.status_code == 400
    assert response.json()["code"] != "image-undecodable"


def test_status_counts_and_says_what_runs(client, project):
    instance = store_datasets(make_dataset(), project=project)[0]
    study_uid = instance.series.study.study_instance_uid
    url = f"/api/v1/studies/{study_uid}/status"
    waiting = client.get(url).json()
    OutboxEvent.objects.all().delete()
    run = queue_run(version=ModelVersionFactory(name="lite0"), series=instance.series)
    queued = client.get(url).json()
    Run.objects.filter(pk=run.pk).update(state=Run.State.SUCCEEDED)

    done = client.get(url).json()

    assert waiting == {"instances": 1, "embedded": 0, "runs": [], "idle": False}
    assert queued["idle"] is False
    assert (queued["runs"][0]["model"], queued["runs"][0]["state"]) == ("lite0", "queued")
    assert done["idle"] is True
    assert done["runs"][0]["state"] == "succeeded"


def test_status_counts_vectors(client, cases):
    (series, _, _), _ = cases

    status = client.get(f"/api/v1/studies/{series.study.study_instance_uid}/status").json()

    assert status["embedded"] == 1


@pytest.mark.parametrize("uid", [ABSENT, "..", "1.2%00", "%F0%9F%98%80"])
def test_status_of_no_study_is_not_found(client, uid):
    assert client.get(f"/api/v1/studies/{uid}/status").status_code == 404


def test_labels_are_added_once(client, cases, radiologist):
    (series, other, _), _ = cases
    body = [
        {"series": series.series_instance_uid, "label_set": "demo", "label": "nodule"},
        {"study": other.study.study_instance_uid, "label_set": "demo", "label": "normal"},
        {
            "instance": other.instances.get().sop_instance_uid,
            "label_set": "demo",
            "label": "key image",
        },
    ]

    first, second = _post(client, "labels", body), _post(client, "labels", body)

    assert (first.status_code, first.json()) == (201, {"created": 3, "existing": 0})
    assert second.json() == {"created": 0, "existing": 3}
    assert Label.objects.get(label="nodule").created_by == radiologist


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        [{"label_set": "a", "label": "b"}],
        [{"study": "1", "series": "2", "label_set": "a", "label": "b"}],
        [{"study": "1", "label_set": "a", "label": " "}],
        [{"study": "1", "label_set": "a", "label": "x" * 65}],
        [{"study": "1", "label_set": "a", "label": "b", "created_by": 1}],
        [{"study": "1", "label_set": "a", "label": "line\nbreak"}],
    ],
)
def test_malformed_labels_are_refused(client, body):
    assert _post(client, "labels", body).status_code == 400


def test_labels_are_all_added_or_none(client, cases):
    (series, _, _), hidden = cases
    body = [
        {"series": series.series_instance_uid, "label_set": "demo", "label": "a"},
        {"series": hidden.series_instance_uid, "label_set": "demo", "label": "a"},
    ]

    response = _post(client, "labels", body)

    assert response.status_code == 404
    assert "Label 2" in response.json()["detail"]
    assert Label.objects.count() == 0


def test_who_only_looks_may_neither_label_nor_run(cases, colleague):
    client = Client()
    client.force_login(colleague)
    (series, _, _), _ = cases
    ModelVersionFactory(name="lite0")
    label = {"series": series.series_instance_uid, "label_set": "demo", "label": "a"}

    assert _post(client, "labels", [label]).status_code == 403
    body = {"model": "lite0", "series": series.series_instance_uid}
    assert _post(client, "runs", body).status_code == 403
    assert Label.objects.count() == Run.objects.count() == 0


def test_run_is_queued(client, project, radiologist):
    instance = store_datasets(make_dataset(), project=project)[0]
    version = ModelVersionFactory(name="lite0", state=ModelVersion.State.DRAFT)

    response = _post(
        client, "runs", {"model": "lite0", "series": instance.series.series_instance_uid}
    )

    assert response.status_code == 202
    assert response.json()["state"] == "queued"
    run = Run.objects.get()
    assert (run.model_version, run.requested_by) == (version, radiologist)


def test_run_of_unknown_model_or_series_is_not_found(client, project):
    instance = store_datasets(make_dataset(), project=project)[0]
    ModelVersionFactory(name="lite0")
    uid = instance.series.series_instance_uid

    assert _post(client, "runs", {"model": "none", "series": uid}).status_code == 404
    assert _post(client, "runs", {"model": "lite0", "series": ABSENT}).status_code == 404
    assert _post(client, "runs", {"model": "lite0"}).status_code == 400


def test_anonymous_gets_nothing(cases):
    client = Client()

    assert client.get(f"/api/v1/studies/{ABSENT}/status").status_code == 401
    for path in ("similar", "labels", "runs"):
        assert _post(client, path, {}).status_code == 401


def test_session_needs_csrf(radiologist, cases):
    client = Client(enforce_csrf_checks=True)
    client.force_login(radiologist)

    assert _post(client, "labels", []).status_code == 403
    client.cookies["csrftoken"] = "a" * 32
    response = client.post(
        "/api/v1/labels",
        "[]",
        content_type="application/json",
        headers={"X-CSRFToken": "a" * 32},
    )
    assert response.status_code == 400

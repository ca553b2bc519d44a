"""Likeness maps over REST."""

from __future__ import annotations

import json

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

ABSENT = "1.2.3.4.5"


@pytest.fixture
def instances(project, encoder_space):
    ramp = np.add.outer(np.arange(64), np.arange(96)) * 12
    datasets = [
        make_dataset(Rows=64, Columns=96, PixelData=pixels.astype("<i2").tobytes())
        for pixels in (ramp, ramp[:, ::-1])
    ]
    return store_datasets(*datasets, project=project)


def _post(client: Client, body: object):
    return client.post("/api/v1/similar/map", json.dumps(body), content_type="application/json")


def _body(instances, **query):
    ours, theirs = (instance.sop_instance_uid for instance in instances)
    return {"query": {"instance": ours, **query}, "result": {"instance": theirs}}


def test_map_of_two_stored_pictures(client, instances):
    response = _post(client, _body(instances))

    assert response.status_code == 200, response.content
    answer = response.json()
    for name in ("query_map", "result_map"):
        drawn = answer[name]
        assert (drawn["rows"], drawn["columns"]) == (9, 14)
        assert len(drawn["values"]) == len(drawn["best"]) == 9 * 14
        assert all(0 <= value <= 1 for value in drawn["values"])
    assert answer["query"]["picture"].startswith("/dicom-web/")
    assert (answer["query"]["rows"], answer["query"]["columns"]) == (64, 96)
    assert answer["query"]["region"] is None
    assert answer["space"]


def test_map_of_a_region(client, instances):
    answer = _post(client, _body(instances, region=[0, 0, 32, 64], frame=1)).json()

    assert answer["query"]["region"] == [0, 0, 32, 64]
    assert (answer["query_map"]["rows"], answer["query_map"]["columns"]) == (14, 7)


def test_map_of_an_upload(client, instances, tmp_path):
    from PIL import Image

    path = tmp_path / "x.png"
    Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)).save(path)
    fields = {
        "image": SimpleUploadedFile("x.png", path.read_bytes()),
        "result": json.dumps({"instance": instances[0].sop_instance_uid}),
        "query": json.dumps({"region": [0, 0, 32, 32]}),
    }
    response = client.post("/api/v1/similar/map", fields)

    assert response.status_code == 200, response.content
    answer = response.json()
    assert answer["query"]["instance_uid"] is None
    assert answer["query"]["picture"].startswith("data:image/jpeg;base64,")
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({}, 400, "result"),
        ([], 400, ""),
        ({"result": {"instance": ABSENT}}, 400, "query"),
        ({"query": {"instance": ABSENT}, "result": {}}, 400, "result"),
        ({"query": {"instance": ABSENT}, "result": {"instance": ABSENT}}, 404, ""),
        ({"query": {"instance": ABSENT, "frame": 0}, "result": {"instance": "1"}}, 400, "frame"),
        (
            {"query": {"instance": "1", "region": [1]}, "result": {"instance": "1"}},
            400,
            "region",
        ),
        ({"query": {"instance": "1\x00"}, "result": {"instance": ABSENT}}, 400, "query"),
        ({"query": {"instance": "1"}, "result": {"instance": "1"}, "space": "no"}, 400, "space"),
        ({"query": {"instance": "1"}, "result": {"instance": "1"}, "spcae": "no"}, 400, "spcae"),
    ],
)
def test_map_refuses_what_it_does_not_understand(client, instances, body, status, named):
    response = _post(client, body)

    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert named in response.content.decode()


def test_map_is_for_those_who_may_read_both(outsider, instances):
    client = Client()
    client.force_login(outsider)
    assert _post(client, _body(instances)).status_code == 404
    assert _post(Client(), _body(instances)).status_code in {401, 403}

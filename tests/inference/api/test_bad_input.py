"""What nobody should send: each is refused with a problem that names the field, never a 5xx."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.builders.datasets import as_part10, make_dataset
from tests.builders.pictures import jpeg_of, png_header, png_of
from tests.builders.stored import store_datasets
from tests.builders.vectors import make_case

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

ABSENT = "1.2.3.4.5"


@pytest.fixture
def instance(encoder_space, project):
    """A stored slice of 16 rows and 12 columns, and somebody to be like it."""
    make_case(encoder_space, [np.ones(384, dtype=np.float32)], projects=[project])
    return store_datasets(make_dataset(), project=project)[0]


def ask(client: Client, **body: object):
    return client.post("/api/v1/similar", json.dumps(body), content_type="application/json")


def send(client: Client, content: bytes, **fields: str):
    return client.post("/api/v1/similar", {"image": SimpleUploadedFile("x", content), **fields})


def assert_names(response, field: str, *, status: int = 400) -> None:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    named = problem.get("field") or json.dumps(problem.get("errors", ""))
    assert field in named, problem


# --- pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        png_header(50_000, 50_000),
        png_header(50_000, 2_000),
        png_header(2**31 - 1, 2**31 - 1),
        png_header(0, 10),
        png_of(30, 40)[:200],
        png_of(30, 40)[:20],
        jpeg_of(30, 40)[:100],
        b"x",
        b"\0" * 132,
        b"\0" * 128 + b"DICM",
        as_part10(make_dataset())[:400],
        as_part10(make_dataset(Rows=50_000, Columns=50_000, PixelData=b"\0\0")),
        b"GIF89a" + b"\0" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
    # Not by length: UIDs are made anew, and all processes must name a case alike.
    ids=lambda content: repr(content[:8]),
)
def test_what_is_no_picture_within_the_limits_is_named(client, instance, content):
    response = send(client, content)

    assert_names(response, "image")
    assert response.json()["code"] == "image-undecodable"


@pytest.mark.parametrize(
    "content",
    [png_of(1, 1), png_of(1, 500), jpeg_of(1, 1), as_part10(make_dataset(Rows=1, Columns=1))],
    ids=["1x1 PNG", "1x500 PNG", "1x1 JPEG", "1x1 DICOM"],
)
def test_the_smallest_pictures_are_pictures(client, instance, content):
    response = send(client, content)

    assert response.status_code == 200, response.content
    assert len(response.json()["results"]) == 1


@pytest.mark.parametrize("level", ["frame", "instance", "series", "study"])
@pytest.mark.parametrize(
    "content",
    [png_of(30, 40), jpeg_of(30, 40), as_part10(make_dataset())],
    ids=["PNG", "JPEG", "DICOM"],
)
def test_uploads_of_all_kinds_are_answered_at_all_levels(client, instance, content, level):
    response = send(client, content, level=level, region="[0, 0, 8, 8]")

    assert response.status_code == 200, response.content
    assert len(response.json()["results"]) == 1


@pytest.mark.parametrize(
    "region",
    ["[0, 0, 41, 1]", "[0, 0, 1, 31]", "[40, 0, 1, 1]", "[0, 30, 1, 1]", "[0, 0, 0, 1]",
     "[0, 0, 1, 0]", "[2147483647, 0, 2147483647, 1]", "[-1, 0, 1, 1]", "[0, 0, 1]", "[]", "{}",
     "[0.5, 0, 1, 1]", '["a", 0, 1, 1]', "null", "[" * 1000],
)  # fmt: skip
def test_a_region_outside_of_the_picture_is_named(client, instance, region):
    assert_names(send(client, png_of(30, 40), region=region), "region")


@pytest.mark.parametrize(
    "region",
    [[0, 0, 13, 1], [0, 0, 1, 17], [12, 0, 1, 1], [0, 0, 0, 0], [-1, 0, 2, 2], [1, 2, 3]],
)
def test_a_region_outside_of_the_stored_frame_is_named(client, instance, region):
    assert_names(ask(client, instance=instance.sop_instance_uid, region=region), "region")


@pytest.mark.parametrize("frame", [0, -1, 2, 2**31, 10**30, 1.5, "one", [1], True, None])
def test_a_frame_that_is_not_there_is_named(client, instance, frame):
    assert_names(ask(client, instance=instance.sop_instance_uid, frame=frame), "frame")


@pytest.mark.parametrize("frame", ["0", "2", "99999999999999999999", "x"])
def test_a_frame_that_the_upload_lacks_is_named(client, instance, frame):
    response = send(client, as_part10(make_dataset()), frame=frame)

    assert response.status_code == 400
    assert response.json().get("field") == "image" or "frame" in response.json()["errors"]


def test_an_image_with_a_session_is_named(client, instance):
    made = client.post(
        "/api/v1/searches",
        json.dumps({"query": {"instance": instance.sop_instance_uid}}),
        content_type="application/json",
    )
    assert made.status_code == 201, made.content

    assert_names(send(client, png_of(30, 40), session=str(made.json()["id"])), "image")


# --- forms -------------------------------------------------------------------------------------


def test_an_empty_form_is_named(client, instance):
    assert_names(client.post("/api/v1/similar", {"k": "3"}), "image")
    assert_names(send(client, b""), "image")


def test_another_file_in_the_form_is_refused(client, instance):
    response = client.post("/api/v1/similar", {"picture": SimpleUploadedFile("x", b"x")})

    assert response.status_code == 400


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"k": "0"}, "k"),
        ({"k": "100000"}, "k"),
        ({"k": ""}, "k"),
        ({"level": "pixel"}, "level"),
        ({"filters": "{"}, "filters"),
        ({"filters": "[]"}, "filters"),
        ({"filters": '{"modality": 7}'}, "modality"),
        ({"filters": '{"label": ["\\ud800"]}'}, "label"),
        ({"filters": '{"attribute": {"KVP": "\\ud800"}}'}, "attribute"),
        ({"filters": '{"attribute": {"\\ud800": "1"}}'}, "attribute"),
        ({"filters": '{"age_from": NaN}'}, "age_from"),
        ({"region": "[NaN, 0, 1, 1]"}, "region"),
        ({"positive": '["\\ud800"]'}, "positive"),
        ({"patient": "only"}, "patient"),
        ({"session": "x"}, "session"),
        ({"space": "no-such-space"}, "space"),
    ],
)
def test_wrong_fields_of_a_form_are_named(client, instance, fields, field):
    assert_names(send(client, png_of(30, 40), **fields), field)


# --- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"k": 5}, "query"),
        ({"text": "   "}, "text"),
        ({"text": "x" * 1_000_000}, "text"),
        ({"text": "left\x00lung"}, "text"),
        ({"text": 7.5e300, "k": []}, "k"),
        ({"text": {"a": 1}}, "text"),
        ({"series": ABSENT, "k": 0}, "k"),
        ({"series": ABSENT, "k": 100_000}, "k"),
        ({"series": ABSENT, "k": -1}, "k"),
        ({"series": ABSENT, "k": 10**400}, "k"),
        ({"series": ABSENT, "space": "no-such-space"}, "space"),
        ({"series": ABSENT, "space": "nul\x00"}, "space"),
        ({"series": "1\x002"}, "series"),
        ({"series": ["1.2"]}, "series"),
        ({"series": "9" * 65}, "series"),
        ({"series": ABSENT, "fold": "perhaps"}, "fold"),
        ({"series": ABSENT, "patient": "mine"}, "patient"),
        ({"text": "nodule", "patient": "only"}, "patient"),
        ({"text": "nodule", "region": [0, 0, 1, 1]}, "region"),
        ({"positive": [ABSENT] * 51}, "positive"),
        ({"positive": "all"}, "positive"),
        ({"positive": [ABSENT], "negative": [ABSENT]}, "negative"),
        ({"series": ABSENT, "image": "x"}, "image"),
        ({"series": ABSENT, "session": 0}, "session"),
        ({"series": ABSENT, "filters": []}, "filters"),
        ({"series": ABSENT, "filters": {"label": ["\x00"]}}, "label"),
        ({"series": ABSENT, "filters": {"view": {"a": 1}}}, "view"),
        ({"series": ABSENT, "filters": {"finding": ["x" * 129]}}, "finding"),
        ({"series": ABSENT, "filters": {"attribute": "KVP"}}, "attribute"),
        ({"series": ABSENT, "filters": {"attribute": {"KVP": [{}]}}}, "attribute"),
        ({"series": ABSENT, "filters": {"attribute": ["KVP"]}}, "attribute"),
        ({"series": ABSENT, "filters": {"attribute": [["KVP"]]}}, "attribute"),
        ({"series": ABSENT, "filters": {"attribute": {"KVP": ["1"] * 21}}}, "attribute"),
        ({"series": ABSENT, "filters": {"age_from": 9, "age_to": 1}}, "age_to"),
        ({"series": ABSENT, "filters": {"date_from": "2024-13-01"}}, "date_from"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(client, instance, body, field):
    assert_names(ask(client, **body), field)


@pytest.mark.parametrize("name", ["study", "series", "instance"])
@pytest.mark.parametrize("uid", [ABSENT, "no uid", "1.2.3.", "😀", "%00", "' OR 1=1 --"])
def test_an_unknown_uid_is_not_found(client, instance, name, uid):
    response = ask(client, **{name: uid})

    assert response.status_code == 404
    assert response.json()["code"] == "not-found"


@pytest.mark.parametrize("name", ["positive", "negative"])
def test_an_unknown_example_is_not_found(client, instance, name):
    body = {"instance": instance.sop_instance_uid, name: [ABSENT]}

    assert ask(client, **body).status_code == 404


@pytest.mark.parametrize(
    "text", ["'", '"open', "a & b | !c", "((((", ":*", "<->", "-", "or", "\\", "%_", "😀 🫁"]
)
def test_no_words_are_an_error(client, instance, text):
    assert ask(client, text=text).status_code == 200

"""Spaces and evaluations over REST."""

import json

import pytest
from django.test import Client

from archive.access.services import create_api_token
from archive.audit.types import Asker
from inference.models import EmbeddingSpace
from inference.similarity.quality.calibration import calibrate_space
from inference.similarity.quality.evaluation import evaluate_space
from inference.similarity.spaces.lifecycle import fill_space
from tests.builders.labelled_world import make_labelled_world
from tests.builders.spaces import make_descriptor_space
from tests.builders.vectors import make_space

pytestmark = pytest.mark.django_db
SPACES, EVALUATIONS = "/api/v1/spaces", "/api/v1/evaluations"


@pytest.fixture
def space(db):
    return make_space()


@pytest.fixture
def world(space, project):
    return make_labelled_world(space, project)


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


def test_spaces_are_listed_to_every_reader_without_counts(client, radiologist, world):
    filling = make_space(is_default=False)
    EmbeddingSpace.objects.filter(pk=filling.pk).update(state="filling")
    client.force_login(radiologist)

    (found,) = client.get(SPACES).json()["results"]

    assert found["is_default"]
    assert (found["metric"], found["state"], found["dimension"]) == ("cosine", "ready", 8)
    assert found["has_encoder"] is False
    assert (found["vectors"], found["progress"], found["figures"]) == (None, None, None)


def test_spaces_have_counts_and_figures_for_a_radiology_admin(client, archive_admin, space, world):
    row = evaluate_space(space, "finding")
    filling = make_space(is_default=False)
    EmbeddingSpace.objects.filter(pk=filling.pk).update(state="filling")
    client.force_login(archive_admin)

    ready, other = client.get(SPACES).json()["results"]

    assert ready["vectors"] == {"series": 24, "instance": 24}
    (figures,) = ready["figures"]
    assert (figures["label_set"], figures["level"]) == ("finding", "series")
    assert figures["map"] == row.figures["all"]["map"]
    assert (other["state"], other["vectors"], other["figures"]) == ("filling", {}, [])


def test_space_being_filled_answers_with_how_far_it_is(client, radiologist, space):
    described = make_descriptor_space()
    fill_space(Asker(door="command"), described.name)
    client.force_login(radiologist)

    answer = client.post(
        "/api/v1/similar",
        {"instance": "1.2.3", "space": described.name},
        content_type="application/json",
    )

    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["field"] == "space"
    assert "is being filled: 0 % of it is there" in body["detail"]


def test_spaces_say_what_their_vectors_come_from(client, radiologist, space):
    make_descriptor_space(state="ready")
    client.force_login(radiologist)

    _, described = client.get("/api/v1/spaces").json()["results"]

    assert described["provenance"]["metric"] == "bhattacharyya"
    assert len(described["provenance"]["weights"]) == 64


def test_evaluations_are_listed_newest_first_and_filtered(client, archive_admin, space, world):
    first, second = evaluate_space(space, "finding"), evaluate_space(space, "finding")
    client.force_login(archive_admin)

    found = client.get(EVALUATIONS).json()["results"]

    assert [row["id"] for row in found] == [second.pk, first.pk]
    assert found[0]["figures"]["by"]["sex"]["F"]["queries"] == 12
    assert found[0]["space"] == space.name
    assert found[0]["actor"] is None
    assert len(client.get(EVALUATIONS, {"limit": 1}).json()["results"]) == 1
    assert client.get(EVALUATIONS, {"label_set": "other"}).json() == {"results": []}
    assert client.get(EVALUATIONS, {"level": "instance"}).json() == {"results": []}


@pytest.mark.parametrize("person", ["radiologist", "colleague", "outsider"])
def test_evaluations_are_for_radiology_admins(client, request, world, person):
    client.force_login(request.getfixturevalue(person))

    assert client.get(EVALUATIONS).status_code == 403
    body = json.dumps({"label_set": "finding"})
    assert client.post(EVALUATIONS, body, content_type="application/json").status_code == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"level": "study"}, "level"),
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"spaces": "x"}, "spaces"),
        ({"space": "\x00"}, "space"),
    ],
)
def test_evaluations_name_the_wrong_field(client, archive_admin, query, field):
    client.force_login(archive_admin)

    response = client.get(EVALUATIONS, query)

    assert response.status_code == 400
    assert field in json.dumps(response.json())


def test_evaluation_is_queued_once(client, archive_admin, space, world, monkeypatch):
    monkeypatch.setattr("inference.similarity.quality.services._enqueue", lambda _arguments: None)
    client.force_login(archive_admin)
    body = json.dumps({"label_set": "finding", "level": "series"})

    first = client.post(EVALUATIONS, body, content_type="application/json")
    second = client.post(EVALUATIONS, body, content_type="application/json")

    assert (first.status_code, first.json()) == (202, {"queued": True})
    assert second.json() == {"queued": False}


@pytest.mark.parametrize(
    "body", [{}, {"label_set": "none"}, {"label_set": "finding", "space": "none"}, {"level": "x"}]
)
def test_evaluation_of_what_is_not_there_is_refused(client, archive_admin, world, body):
    client.force_login(archive_admin)

    response = client.post(EVALUATIONS, json.dumps(body), content_type="application/json")

    assert response.status_code == 400


def test_a_token_that_reads_may_not_have_anything_measured(client, world):
    token = create_api_token(
        asker=Asker(door="test"),
        username="robot",
        scopes=["read"],
        role="radiology_admin",
        projects=[None],
    )
    headers = {"Authorization": f"Bearer {token}"}

    assert client.get(EVALUATIONS, headers=headers).status_code == 200
    body = json.dumps({"label_set": "finding"})
    refused = client.post(EVALUATIONS, body, content_type="application/json", headers=headers)
    assert refused.status_code == 403


def test_similar_says_what_is_close(client, radiologist, space, world):
    calibrate_space(space, seed=0)
    client.force_login(radiologist)
    asked = json.dumps({"series": world[0].series_instance_uid, "k": 20})

    answer = client.post("/api/v1/similar", asked, content_type="application/json").json()

    assert answer["closeness"] == {
        "cut": None,
        "number_close": 0,
        "is_nothing_close": False,
        "is_out_of_distribution": False,
    }
    assert {result["is_close"] for result in answer["results"]} == {None}
    make_labelled_world(space, world[0].study.projects.get(), patients=20, seed=2)
    calibrate_space(space, seed=0)

    answer = client.post("/api/v1/similar", asked, content_type="application/json").json()

    cut = answer["closeness"]["cut"]
    assert 0 < cut < 1
    close = [result["is_close"] for result in answer["results"]]
    assert close == [result["score"] >= cut for result in answer["results"]]
    assert answer["closeness"]["number_close"] == sum(close) > 0


def test_both_are_in_the_openapi(client, archive_admin):
    client.force_login(archive_admin)

    paths = client.get("/api/v1/openapi.json").json()["paths"]

    assert "get" in paths[SPACES]
    assert {"get", "post"} <= set(paths[EVALUATIONS])

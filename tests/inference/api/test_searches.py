"""Kept searches over REST."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from django.test import Client

from archive.access.services import create_api_token
from archive.audit.types import Asker
from inference.models import SearchSession
from inference.similarity.searches.alerts import find_new_matches
from tests.builders.vectors import direction, make_case, make_space

pytestmark = pytest.mark.django_db

URL = "/api/v1/searches"


def signed_in(user) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def client(radiologist) -> Client:
    return signed_in(radiologist)


@pytest.fixture
def cases(project):
    space = make_space()
    space.random_pair_quantiles = {"series": np.linspace(-1, 1, 1001).tolist(), "rows": 1}
    space.save()
    return [make_case(space, [direction(angle)], projects=[project]) for angle in (0, 0.2, 1.0)]


def post(client: Client, path: str = "", body: object = None):
    text = "" if body is None else json.dumps(body)
    return client.post(f"{URL}{path}", text, content_type="application/json")


def patch(client: Client, path: str, body: object):
    return client.patch(f"{URL}{path}", json.dumps(body), content_type="application/json")


def begun(client: Client, cases, **more) -> int:
    response = post(client, "", {"query": {"series": cases[0].series_instance_uid}, **more})
    assert response.status_code == 201, response.content
    return response.json()["id"]


def test_a_search_is_begun_and_read(client, cases):
    uid = cases[0].series_instance_uid
    body = {"query": {"series": uid, "k": 3, "filters": {"modality": "CT"}}, "name": "Alike"}

    made = post(client, "", body).json()
    read = client.get(f"{URL}/{made['id']}").json()

    assert read == made
    assert read["query"] == {"series": uid, "k": 3, "filters": {"modality": ["CT"]}}
    assert (read["name"], read["owner"], read["is_own"]) == ("Alike", "radiologist", True)
    assert (read["position"], read["rounds"], read["is_complete"]) == (0, 1, True)
    assert (read["project"], read["is_notifying"]) == (None, False)


def test_rounds_are_added_undone_redone_and_run(client, cases):
    key = begun(client, cases)
    example = cases[2].instances.get().sop_instance_uid
    query = {"series": cases[0].series_instance_uid, "positive": [example]}

    added = post(client, f"/{key}/rounds", {"query": query})
    assert (added.status_code, added.json()["position"]) == (201, 1)
    assert post(client, f"/{key}/undo").json()["query"] == {"series": query["series"]}
    assert post(client, f"/{key}/undo").status_code == 400
    assert post(client, f"/{key}/redo").json()["query"] == query
    assert post(client, f"/{key}/redo").json()["field"] == "position"

    answer = post(client, f"/{key}/run").json()
    assert answer["session"] == key
    assert len(answer["results"]) == 2


def test_a_question_of_the_search_endpoint_becomes_the_next_round(client, cases):
    key = begun(client, cases)
    body = {"series": cases[1].series_instance_uid, "session": key}

    answer = client.post("/api/v1/similar", json.dumps(body), content_type="application/json")

    assert (answer.status_code, answer.json()["session"]) == (200, key)
    kept = client.get(f"{URL}/{key}").json()
    assert (kept["position"], kept["query"]) == (1, {"series": cases[1].series_instance_uid})


def test_a_token_that_only_reads_may_ask_but_keep_nothing(project, cases):
    asker = Asker(door="test")
    values = {"username": "robot", "role": "clinician", "projects": [project]}
    writing, reading = (
        Client(
            raise_request_exception=False,
            headers={
                "Authorization": "Bearer " + create_api_token(asker=asker, scopes=scopes, **values)
            },
        )
        for scopes in (["read", "write"], ["read"])
    )
    key = begun(writing, cases)
    body = {"series": cases[1].series_instance_uid, "session": key}

    statuses = [
        client.post("/api/v1/similar", json.dumps(body), content_type="application/json")
        for client in (reading, writing)
    ]

    assert [one.status_code for one in statuses] == [403, 200]
    assert post(reading, f"/{key}/run").status_code == 200
    assert post(reading, f"/{key}/undo").status_code == 403


def test_searches_are_changed_listed_and_deleted(client, project, cases):
    key = begun(client, cases)
    assert client.get(URL).json() == {"results": []}
    assert len(client.get(f"{URL}?all=true").json()["results"]) == 1

    named = patch(client, f"/{key}", {"name": "Alike", "is_notifying": True}).json()
    shared = patch(client, f"/{key}", {"project": project.slug}).json()

    assert (named["name"], named["is_notifying"], named["project"]) == ("Alike", True, None)
    assert (shared["name"], shared["is_notifying"]) == ("Alike", True)
    assert shared["project"] == project.slug
    assert [one["id"] for one in client.get(URL).json()["results"]] == [key]
    assert client.delete(f"{URL}/{key}").status_code == 204
    assert client.get(f"{URL}/{key}").status_code == 404


def test_members_read_and_run_a_shared_search(client, colleague, outsider, project, cases):
    key = begun(client, cases, name="Alike", project=project.slug, is_notifying=True)
    member, stranger = signed_in(colleague), signed_in(outsider)

    read = member.get(f"{URL}/{key}").json()
    assert (read["is_own"], read["is_notifying"], read["owner"]) == (False, False, "radiologist")
    assert len(post(member, f"/{key}/run").json()["results"]) == 2
    assert patch(member, f"/{key}", {"name": "Mine"}).status_code == 403
    assert member.delete(f"{URL}/{key}").status_code == 403
    assert member.get(f"{URL}/{key}/matches").status_code == 403
    for response in (
        stranger.get(f"{URL}/{key}"),
        post(stranger, f"/{key}/run"),
        stranger.delete(f"{URL}/{key}"),
        stranger.get(f"{URL}/{key}/matches"),
    ):
        absent = stranger.get(f"{URL}/999999")
        assert (response.status_code, response.content) == (404, absent.content)


def test_new_matches_are_listed_and_seen(client, project, cases):
    key = begun(client, cases, name="Alike", is_notifying=True)
    space = cases[0].embeddings.first().space
    new = [make_case(space, [direction(0.1)], projects=[project]) for _ in range(2)]
    find_new_matches(settling=timedelta(0))

    listed = client.get(f"{URL}/{key}/matches").json()["results"]
    assert {one["series_uid"] for one in listed} == {one.series_instance_uid for one in new}
    assert listed[0]["seen_at"] is None
    assert listed[0]["thumbnail"].startswith("/dicom-web/")
    first = {"matches": [listed[0]["id"]]}
    assert post(client, f"/{key}/matches/seen", first).json() == {"seen": 1}
    assert post(client, f"/{key}/matches/seen", {}).json() == {"seen": 1}
    assert all(one["seen_at"] for one in client.get(f"{URL}/{key}/matches").json()["results"])


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "query"),
        ({"query": {}}, "query"),
        ({"query": "series"}, "query"),
        ({"query": {"series": "1", "k": 0}}, "k"),
        ({"query": {"series": "1", "image": "x"}}, "image"),
        ({"query": {"series": "1", "session": 1}}, "session"),
        ({"query": {"series": "1", "space": "none"}}, "space"),
        ({"query": {"series": "1"}, "name": "x" * 129}, "name"),
        ({"query": {"series": "1"}, "name": "a\tb"}, "name"),
        ({"query": {"series": "1"}, "is_notifying": True}, "name"),
        ({"query": {"series": "1"}, "owner": "me"}, "owner"),
        ([], ""),
        (None, ""),
    ],
)
def test_a_wrong_search_is_refused(client, cases, body, named):
    response = post(client, "", body)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert named in response.content.decode()
    assert not SearchSession.objects.exists()


def test_a_project_of_others_is_not_there(client, other_project, cases):
    body = {"query": {"text": "nodule"}, "name": "x", "project": other_project.slug}

    assert post(client, "", body).status_code == 404
    assert not SearchSession.objects.exists()


@pytest.mark.parametrize("path", ["", "/1", "/1/matches"])
def test_strangers_are_asked_to_sign_in(cases, path):
    assert Client().get(f"{URL}{path}").status_code == 401


@pytest.mark.parametrize("key", ["0", "99999999999999999999999", "-1", "x"])
def test_no_search_has_an_odd_key(client, cases, key):
    assert client.get(f"{URL}/{key}").status_code == 404


def test_the_document_of_the_api_describes_searches(client):
    paths = client.get("/api/v1/openapi.json").json()["paths"]

    assert set(paths) >= {f"{URL}", f"{URL}/{{search_id}}", f"{URL}/{{search_id}}/matches/seen"}
    assert set(paths[f"{URL}/{{search_id}}"]) >= {"get", "patch", "delete"}

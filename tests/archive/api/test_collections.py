"""Collections over REST: people x routes, wrong fields, tokens, and the OpenAPI document."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.test import Client

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.collections.cases import add_case
from archive.collections.services import create_collection, share_collection
from archive.collections.types import CasePath
from archive.models import AuditEvent, Collection, CollectionItem
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
URL = "/api/v1/collections"


@pytest.fixture
def instance(project):
    # A slice as a scanner makes it, of no head: nothing in its pixels has to be cleaned.
    plain = {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "BodyPartExamined": "CHEST"}
    (stored,) = store_datasets(make_dataset(NumberOfFrames=2, **plain), project=project)
    return stored


@pytest.fixture
def token(project):
    def make(*scopes: str, role: str = "clinician", username: str = "robot") -> Client:
        secret = create_api_token(
            asker=Asker(door="tests"),
            username=username,
            scopes=list(scopes),
            role=role,
            projects=[project],
        )
        return Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)

    return make


@pytest.fixture
def robot(token):
    return token("read", "write")


@pytest.fixture
def shared(radiologist, project, instance):
    """The radiologist's collection with one case, shared in the project."""
    asker = Asker(door="tests", user=radiologist)
    pk = create_collection(radiologist, asker=asker, name="Shared", kind="teaching")
    share_collection(radiologist, pk, asker=asker, project=project.slug)
    uid = instance.series.series_instance_uid
    item, _ = add_case(radiologist, pk, CasePath(series_uid=uid), asker=asker)
    return pk, item


def _send(client, method, url, body=None):
    return getattr(client, method)(url, body, content_type="application/json")


def test_life_of_a_collection(robot, instance, project):
    made = _send(robot, "post", URL, {"name": "Nodules", "kind": "quiz", "project": project.slug})
    assert made.status_code == 201
    body = made.json()
    assert (body["name"], body["kind"], body["project"]) == ("Nodules", "quiz", project.slug)
    one = f"{URL}/{body['id']}"

    uids = {
        "study": instance.series.study.study_instance_uid,
        "series": instance.series.series_instance_uid,
        "instance": instance.sop_instance_uid,
    }
    wanted = [{"study": uids["study"]}, {"series": uids["series"]}, {**uids, "frame": 2}]
    added = _send(robot, "post", f"{one}/items", {"items": wanted})
    assert added.status_code == 201
    items = added.json()["items"]
    assert [item["level"] for item in items] == ["study", "series", "frame"]
    assert items[2]["frame"] == 2

    texts = {"title": "T", "diagnosis": "D"}
    described = _send(robot, "patch", f"{one}/items/{items[0]['id']}", texts)
    assert described.json()["diagnosis"] == "D"

    order = [items[2]["id"], items[0]["id"], items[1]["id"]]
    ordered = _send(robot, "put", f"{one}/items", {"items": order})
    assert [item["id"] for item in ordered.json()["items"]] == order

    assert robot.delete(f"{one}/items/{items[1]['id']}").status_code == 204
    changed = _send(robot, "patch", one, {"name": "Round", "project": None})
    assert (changed.json()["name"], changed.json()["project"]) == ("Round", None)
    assert changed.json()["item_count"] == 2
    listed = robot.get(URL, {"kind": "quiz"}).json()
    assert (listed["count"], listed["results"][0]["name"]) == (1, "Round")
    assert robot.get(URL, {"kind": "cohort"}).json() == {"count": 0, "results": []}
    assert robot.delete(one).status_code == 204
    assert robot.get(one).status_code == 404


def test_export_is_a_zip_on_record_or_a_job(robot, instance, project):
    pk = _send(robot, "post", URL, {"name": "Out"}).json()["id"]
    uid = instance.series.study.study_instance_uid
    _send(robot, "post", f"{URL}/{pk}/items", {"items": [{"study": uid}]})

    answer = _send(robot, "post", f"{URL}/{pk}/export", {"dates": "shift"})

    assert answer["Content-Type"] == "application/zip"
    content = b"".join(answer.streaming_content)
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    event = AuditEvent.objects.get(event_id="110106")
    assert event.study_instance_uid == uid
    assert event.details["deidentified"] is True
    assert (event.details["dates"], event.details["collection"]) == ("shift", pk)
    # What may be a head has to be cleaned first: a job.
    (head,) = store_datasets(make_dataset(BodyPartExamined="HEAD"), project=project)
    items = [{"study": head.series.study.study_instance_uid}]
    _send(robot, "post", f"{URL}/{pk}/items", {"items": items})
    answer = _send(robot, "post", f"{URL}/{pk}/export", {})
    assert (answer.status_code, answer.json()["act"]) == (202, "teaching-file")
    assert robot.get(f"/api/v1/jobs/{answer.json()['id']}").json()["studies"] == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": "x", "kind": "album"}, "kind"),
        ({"name": "x", "description": 5 * ["x"]}, "description"),
        ({"name": "x", "project": "nowhere"}, "project"),
        ({"name": "a\0b"}, "name"),
        ([], "non_field_errors"),
    ],
)
def test_wrong_field_is_named(robot, body, field):
    answer = _send(robot, "post", URL, body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem.get("field") == field or field in problem["errors"]
    assert not Collection.objects.exists()


@pytest.mark.parametrize(
    ("items", "status", "field"),
    [
        ([], 400, "items"),
        ([{}], 400, "study"),
        ([{"frame": 1}], 400, "study"),
        ([{"study": "1.2.3"}], 404, ""),
        ([{"study": "x" * 65}], 400, "items"),
        ([{"instance": "I", "frame": 3}], 400, "frame"),
        ([{"instance": "I", "frame": 0}], 400, "items"),
        ("all", 400, "items"),
    ],
)
def test_wrong_item_is_named(robot, instance, items, status, field):
    pk = _send(robot, "post", URL, {"name": "x"}).json()["id"]
    for item in items if isinstance(items, list) else []:
        if item.get("instance") == "I":
            item["instance"] = instance.sop_instance_uid

    answer = _send(robot, "post", f"{URL}/{pk}/items", {"items": items})

    problem = answer.json()
    assert answer.status_code == status
    assert not field or problem.get("field") == field or field in problem["errors"]
    assert not CollectionItem.objects.exists()


def _routes(pk, item):
    one = f"{URL}/{pk}"
    return [
        ("get", one, None),
        ("patch", one, {"name": "Mine"}),
        ("delete", one, None),
        ("post", f"{one}/items", {"items": [{"study": "1.2.3"}]}),
        ("put", f"{one}/items", {"items": [item]}),
        ("patch", f"{one}/items/{item}", {"title": "x"}),
        ("post", f"{one}/export", {}),
        ("delete", f"{one}/items/{item}", None),
    ]


# Who gets what for each route above, in its order.
EXPECTED = {
    "stranger": [401] * 8,
    "outsider": [404] * 8,
    "viewer": [200, 403, 403, 403, 403, 403, 403, 403],
    "annotator": [200, 403, 403, 404, 200, 200, 403, 204],
    "clinician": [200, 403, 403, 404, 200, 200, 200, 204],
    "radiology_admin": [200, 403, 403, 404, 200, 200, 200, 204],
    # The study is not de-identified.
    "researcher": [404] * 8,
    "auditor": [404] * 8,
}


@pytest.mark.parametrize("person", list(EXPECTED))
def test_people_and_routes(person, token, outsider, shared):
    if person == "stranger":
        client = Client()
    elif person == "outsider":
        client = Client()
        client.force_login(outsider)
    else:
        client = token("read", "write", role=person, username=person)

    statuses = [_send(client, *route).status_code for route in _routes(*shared)]

    assert statuses == EXPECTED[person]
    assert Collection.objects.filter(pk=shared[0], name="Shared").exists()


def test_absent_and_hidden_are_the_same_answer(token, shared, other_project, outsider):
    client = Client()
    client.force_login(outsider)
    hidden = client.get(f"{URL}/{shared[0]}")
    absent = client.get(f"{URL}/999999")

    assert hidden.json() == absent.json()
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert client.get(URL).json() == {"count": 0, "results": []}


def test_owner_may_do_all(radiologist, shared):
    client = Client()
    client.force_login(radiologist)
    pk, item = shared
    uid = CollectionItem.objects.get().study.study_instance_uid

    assert _send(client, "patch", f"{URL}/{pk}", {"name": "New"}).status_code == 200
    added = _send(client, "post", f"{URL}/{pk}/items", {"items": [{"study": uid}]})
    assert added.status_code == 201
    assert _send(client, "post", f"{URL}/{pk}/export", {}).status_code == 200
    assert client.delete(f"{URL}/{pk}/items/{item}").status_code == 204
    assert client.delete(f"{URL}/{pk}").status_code == 204


def test_session_needs_its_csrf_token(radiologist, shared):
    client = Client(enforce_csrf_checks=True)
    client.force_login(radiologist)

    assert _send(client, "patch", f"{URL}/{shared[0]}", {"name": "x"}).status_code == 403
    assert Collection.objects.get().name == "Shared"


def test_token_that_reads_exports_and_changes_nothing(token, shared):
    client = token("read", role="clinician")

    statuses = [_send(client, *route).status_code for route in _routes(*shared)]

    assert statuses == [200, 403, 403, 403, 403, 403, 200, 403]


def test_huge_keys_are_absent(robot):
    for url in (f"{URL}/99999999999999999999", f"{URL}/1/items/99999999999999999999"):
        assert _send(robot, "delete", url).status_code == 404


def test_openapi_names_the_routes(robot):
    document = robot.get("/api/v1/openapi.json").json()

    assert set(document["paths"]["/api/v1/collections"]) == {"get", "post"}
    one = next(path for path in document["paths"] if path.startswith("/api/v1/collections/{"))
    assert set(document["paths"][one]) == {"get", "patch", "delete"}
    assert set(document["paths"][f"{one}/items"]) == {"post", "put"}
    exported = document["paths"][f"{one}/export"]["post"]
    assert list(exported["responses"]["200"]["content"]) == ["application/zip"]

"""REST of peers, forwarding rules, forwards and fetches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import Fetch, Forward, ForwardingRule, Peer
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
PATHS = ("peers", "forwarding-rules", "forwards", "fetches")


@pytest.fixture
def speak(client) -> Callable[..., Any]:
    """Speak with a token of an account."""

    def as_account(username: str) -> Callable[..., Any]:
        asker = Asker(door="test")
        token = create_api_token(asker=asker, username=username, scopes=["read", "write"])

        def send(method: str, path: str, body: object = None) -> Any:
            more = {} if body is None else {"data": body, "content_type": "application/json"}
            authorization = f"Bearer {token}"
            call = getattr(client, method)
            return call(f"/api/v1/{path}", **more, HTTP_AUTHORIZATION=authorization)

        return send

    return as_account


@pytest.fixture
def call(speak, archive_admin) -> Callable[..., Any]:
    return speak("archive_admin")


@pytest.fixture
def pacs(db) -> Peer:
    return Peer.objects.create(ae_title="PACS", address="127.0.0.1", port=1)


@pytest.mark.parametrize("path", PATHS)
def test_lists_are_for_admins(speak, call, radiologist, path) -> None:
    assert speak("radiologist")("get", path).status_code == 403
    response = call("get", path)
    assert response.status_code == 200
    assert response.json()["results"] == []


def test_peer_lives_its_life(call, project) -> None:
    body = {"ae_title": "PACS", "address": "127.0.0.1", "port": 1, "project": project.slug}
    made = call("post", "peers", body)
    assert made.status_code == 201, made.content
    peer = made.json()
    assert (peer["protocol"], peer["may_store"], peer["project"]) == ("dimse", True, project.slug)

    path = f"peers/{peer['id']}"
    changed = call("patch", path, {"may_query": True}).json()
    assert (changed["may_query"], changed["port"], changed["project"]) == (True, 1, project.slug)
    echo = call("post", f"{path}/echo", {}).json()
    assert not echo["is_answering"]
    assert "refused" in echo["error"]
    assert call("get", path).json()["echo_error"] == echo["error"]
    assert call("delete", path).status_code == 204
    assert call("get", path).status_code == 404


def test_credentials_go_in_and_never_come_out(call) -> None:
    body = {
        "protocol": "dicomweb",
        "ae_title": "WEB",
        "base_url": "https://192.0.2.1/dicom-web",
        "authorization": "Bearer hidden",
    }
    made = call("post", "peers", body)

    assert made.json()["has_credentials"] is True
    assert b"hidden" not in made.content
    kept = Peer.objects.get().sealed_credentials
    call("patch", f"peers/{made.json()['id']}", {"description": "x"})
    assert Peer.objects.get().sealed_credentials == kept
    call("patch", f"peers/{made.json()['id']}", {"authorization": ""})
    assert Peer.objects.get().sealed_credentials == ""


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ae_title": "A\\B", "address": "127.0.0.1"},
        {"ae_title": "A", "address": "nowhere"},
        {"ae_title": "A", "address": "127.0.0.1", "port": 0},
        {"ae_title": "A", "address": "127.0.0.1", "project": "none"},
        {"ae_title": "A", "address": "127.0.0.1", "account": "none"},
        {"ae_title": "A", "address": "127.0.0.1", "transfer_syntaxes": ["x"]},
        {"ae_title": "A", "address": "127.0.0.1", "certificate_authority": "x"},
        {"ae_title": "A", "protocol": "dicomweb", "base_url": "file:///etc/passwd"},
        {"ae_title": "A", "protocol": "dicomweb", "base_url": "http://127.0.0.1/"},
        {"ae_title": "A\u0000", "address": "127.0.0.1"},
    ],
)
def test_wrong_peers_are_refused(call, body) -> None:
    response = call("post", "peers", body)

    assert response.status_code == 400
    assert not Peer.objects.exists()


def test_same_peer_twice_is_refused(call, pacs) -> None:
    body = {"ae_title": "PACS", "address": "127.0.0.1"}
    assert call("post", "peers", body).status_code == 400


def test_rule_lives_its_life(call, pacs) -> None:
    body = {"name": "R", "peer": pacs.pk, "modalities": ["ct"], "is_enabled": True}
    made = call("post", "forwarding-rules", body)
    assert made.status_code == 201, made.content
    rule = made.json()
    assert (rule["modalities"], rule["is_enabled"], rule["includes_results"]) == (
        ["CT"],
        True,
        True,
    )
    path = f"forwarding-rules/{rule['id']}"
    hours = {"from_time": "20:00", "until_time": "06:00", "is_enabled": False}
    changed = call("patch", path, hours).json()
    assert (changed["from_time"], changed["is_enabled"], changed["modalities"]) == (
        "20:00:00",
        False,
        ["CT"],
    )
    assert call("delete", f"peers/{pacs.pk}").status_code == 400, "a rule uses it"
    assert call("delete", path).status_code == 204
    assert not ForwardingRule.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"name": "R", "peer": 0},
        {"name": "R", "peer": 999_999},
        {"name": " "},
        {"conditions": {"ShoeSize": "43"}},
        {"from_time": "20:00"},
        {"modalities": ["X" * 17]},
        {"project": "none"},
    ],
)
def test_wrong_rules_are_refused(call, pacs, body) -> None:
    response = call("post", "forwarding-rules", {"name": "R", "peer": pacs.pk, **body})
    assert response.status_code == 400
    assert not ForwardingRule.objects.exists()


def test_studies_are_sent_watched_cancelled_and_sent_again(call, pacs, project) -> None:
    (instance,) = store_datasets(make_dataset(), project=project)
    uid = instance.series.study.study_instance_uid
    sent = call("post", "forwards", {"peer": pacs.pk, "studies": [uid]})
    assert (sent.status_code, sent.json()) == (202, {"instances": 1})
    (row,) = call("get", "forwards?state=waiting").json()["results"]
    assert (row["study_uid"], row["peer_name"], row["waiting"]) == (uid, "PACS", 1)

    act = {"act": "cancel", "peer": pacs.pk, "study": uid}
    assert call("patch", "forwards", act).json() == {"instances": 1}
    assert Forward.objects.get().state == "cancelled"
    assert call("patch", "forwards", act | {"act": "retry"}).json() == {"instances": 1}
    assert Forward.objects.get().state == "waiting"
    assert call("patch", "forwards", act | {"study": "1.2.404"}).status_code == 404


def test_invisible_study_is_no_study(speak, outsider, pacs, project) -> None:
    (instance,) = store_datasets(make_dataset(), project=project)
    uid = instance.series.study.study_instance_uid
    send = speak("outsider")

    hidden = send("post", "forwards", {"peer": pacs.pk, "studies": [uid]})
    absent = send("post", "forwards", {"peer": pacs.pk, "studies": ["1.2.404"]})

    assert hidden.status_code == absent.status_code == 404
    assert hidden.json() == absent.json()
    assert not Forward.objects.exists()


def test_fetch_is_queued_once(call, pacs) -> None:
    body = {"peer": pacs.pk, "studies": ["1.2.3"]}
    assert call("post", "fetches", body).json() == {"studies": 1}
    assert call("post", "fetches", body).json() == {"studies": 0}
    (row,) = call("get", "fetches").json()["results"]
    assert (row["study_uid"], row["state"]) == ("1.2.3", "waiting")
    assert Fetch.objects.count() == 1
    assert call("post", "fetches", {"peer": pacs.pk, "studies": ["x"]}).status_code == 400

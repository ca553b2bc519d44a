"""News, choices and followed studies over REST."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from archive.notices.selectors import is_following, unread_count
from archive.notices.services import tell
from tests.factories.archive import StudyFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project

pytestmark = pytest.mark.django_db
URL = "/api/v1/notices"


def send(client: Client, method: str, url: str, body: Any) -> Any:
    return getattr(client, method)(url, json.dumps(body), content_type="application/json")


def test_news_is_listed_and_read_by_its_reader_alone(radiologist: User, colleague: User) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(radiologist)
    tell([radiologist, colleague], "job", "An export is ready", "/jobs/7/")
    tell([radiologist], "share", "A study was shared with you")

    listed = client.get(URL, {"topic": "job"}).json()
    assert (listed["count"], listed["unread"]) == (1, 2)
    assert listed["results"][0]["path"] == "/jobs/7/"
    of_others = [row["id"] + 1 for row in client.get(URL).json()["results"]]
    assert send(client, "post", f"{URL}/read", {"ids": of_others}).status_code == 200
    assert unread_count(colleague) == 1
    assert send(client, "post", f"{URL}/read", {}).json()["read"] >= 1
    assert client.get(URL, {"unread": "true"}).json()["results"] == []
    assert client.get(URL, {"limit": "-1"}).status_code == 400
    assert send(client, "post", f"{URL}/read", {"ids": "all"}).status_code == 400


def test_choices_are_kept_and_bad_ones_refused(radiologist: User) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(radiologist)
    off = [{"topic": "job", "in_portal": False, "by_mail": False}]

    changed = send(client, "put", f"{URL}/choices", off).json()

    assert off[0] in changed
    assert tell([radiologist], "job", "Nobody wants it") == 0
    for bad in (
        [{"topic": "gossip", "in_portal": True, "by_mail": False}],
        [{"topic": "job", "in_portal": True, "by_mail": True}],
        {"topic": "job"},
    ):
        assert send(client, "put", f"{URL}/choices", bad).status_code == 400, bad


def test_study_is_followed_within_rights(
    radiologist: User, outsider: User, project: Project
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(radiologist)
    uid = StudyFactory(projects=[project]).study_instance_uid
    address = f"/api/v1/studies/{uid}/follow"

    assert send(client, "put", address, {"whole_patient": True}).status_code == 200
    assert is_following(radiologist, uid)
    assert client.delete(address).status_code == 204
    assert not is_following(radiologist, uid)
    assert send(client, "put", "/api/v1/studies/nonsense/follow", {}).status_code == 404
    client.force_login(outsider)
    assert send(client, "put", address, {}).status_code == 404

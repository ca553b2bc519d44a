"""Routing rules at the REST door."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from archive.models import AuditEvent
from inference.models import RoutingRule, Run
from inference.runs.queueing import queue_runs_for_series
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from archive.models import Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(archive_admin: object) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(archive_admin)
    return client


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    call = getattr(client, method)
    return call(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json")


def test_rule_is_made_off_tried_and_switched_on(client: Client, project: Project) -> None:
    stored = store_datasets(
        make_dataset(Modality="CT"), make_dataset(Modality="MR"), project=project
    )
    ModelVersionFactory(name="bones")
    body = {"model": "bones:1", "modalities": ["ct"], "projects": [project.slug]}

    made = send(client, "post", "routing-rules", body)
    key = made.json()["id"]
    trial = client.get(f"/api/v1/routing-rules/{key}/trial").json()
    queued_off = queue_runs_for_series([row.series_id for row in stored])
    switched = send(client, "patch", f"routing-rules/{key}", {"is_enabled": True})
    queued_on = queue_runs_for_series([row.series_id for row in stored])

    assert (made.status_code, made.json()["is_enabled"]) == (201, False)
    assert (trial["looked_at"], trial["matching"]) == (2, 1)
    assert trial["series"] == [stored[0].series.series_instance_uid]
    assert (queued_off, switched.json()["is_enabled"], queued_on) == (0, True, 1)
    assert Run.objects.get().series == stored[0].series
    acts = set(AuditEvent.objects.values_list("act", flat=True))
    assert {"create-rule", "enable-rule"} <= acts


def test_rule_is_changed_and_deleted(client: Client) -> None:
    ModelVersionFactory(name="bones")
    key = send(client, "post", "routing-rules", {"model": "bones:1"}).json()["id"]
    body = {"model": "bones:1", "priority": "stat", "time_from": "20:00", "time_until": "06:00"}

    changed = send(client, "put", f"routing-rules/{key}", body)
    listed = client.get("/api/v1/routing-rules").json()["results"]
    deleted = client.delete(f"/api/v1/routing-rules/{key}")

    assert (changed.json()["priority"], changed.json()["time_from"]) == ("stat", "20:00:00")
    assert [one["id"] for one in listed] == [key]
    assert deleted.status_code == 204
    assert not RoutingRule.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "nothing:1"},
        {"model": "bones:1", "attributes": {"PatientName": ["x"]}},
        {"model": "bones:1", "attributes": {"NoSuchKeyword": ["x"]}},
        {"model": "bones:1", "projects": ["nowhere"]},
        {"model": "bones:1", "time_from": "20:00"},
        {"model": "bones:1", "priority": "now"},
        {"model": "bones:1", "modality": ["CT"]},
    ],
)
def test_rules_that_mean_nothing_are_refused(client: Client, body: dict[str, Any]) -> None:
    ModelVersionFactory(name="bones")

    assert send(client, "post", "routing-rules", body).status_code == 400
    assert not RoutingRule.objects.exists()


def test_rules_are_for_radiology_admins_of_the_whole_archive(radiologist: object) -> None:
    client = Client()
    client.force_login(radiologist)
    ModelVersionFactory(name="bones")

    assert client.get("/api/v1/routing-rules").status_code == 403
    assert send(client, "post", "routing-rules", {"model": "bones:1"}).status_code == 403

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from archive.models import ScheduledStep

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db
URL = "/api/v1/scheduled-steps"
STEP = {
    "patient_id": "P1",
    "patient_name": "Doe^Jane",
    "modality": "CT",
    "scheduled_date": "2026-07-06",
    "scheduled_time": "09:30",
}


@pytest.fixture
def client(radiologist: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(radiologist)
    return client


def post(client: Client, body: Any) -> Any:
    return client.post(URL, json.dumps(body), content_type="application/json")


def test_step_is_made_read_changed_moved_and_listed(client: Client) -> None:
    made = post(client, STEP)
    assert made.status_code == 201, made.content
    address = f"{URL}/{made.json()['id']}"

    changed = client.patch(
        address, json.dumps({"accession_number": "A1"}), content_type="application/json"
    )
    moved = client.put(
        f"{address}/state", json.dumps({"state": "ARRIVED"}), content_type="application/json"
    )

    assert changed.json()["patient_name"] == "Doe^Jane"
    assert moved.json()["state"] == "ARRIVED"
    assert client.get(address).json()["accession_number"] == "A1"
    listed = client.get(URL, {"date_from": "2026-07-06", "patient": "doe", "state": "ARRIVED"})
    assert listed.json()["count"] == 1
    assert client.get(URL, {"date_from": "2026-07-07"}).json()["count"] == 0


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"patient_name": ""}, "patient_name"),
        ({"scheduled_date": "tomorrow"}, "scheduled_date"),
        ({"modality": "CT\u0000"}, "modality"),
        ({"patient_name": "A\\B"}, "patient_name"),
        ({"protocol_code": {"value": "x"}}, "protocol_code"),
        ({"study_uid": "1..2"}, "study_instance_uid"),
    ],
)
def test_bad_values_are_named(client: Client, changes: dict, names: str) -> None:
    answer = post(client, STEP | changes)

    assert answer.status_code == 400
    assert names in answer.content.decode()
    assert not ScheduledStep.objects.exists()


def test_conflicts_and_absences(client: Client, colleague: User, outsider: User) -> None:
    said = STEP | {"study_uid": "1.2.3", "scheduled_step_id": "S1"}
    pk = post(client, said).json()["id"]
    viewer, stranger = Client(), Client()
    viewer.force_login(colleague)
    stranger.force_login(outsider)

    assert post(client, said).status_code == 409
    assert stranger.get(f"{URL}/{pk}").status_code == 404
    assert viewer.get(f"{URL}/{pk}").status_code == 200
    state = json.dumps({"state": "STARTED"})
    answer = viewer.put(f"{URL}/{pk}/state", state, content_type="application/json")
    assert answer.status_code == 403

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from archive.models import ScheduledStep

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db
FORM = {
    "patient_name": "Doe^Jane",
    "dicom_patient_id": "P1",
    "modality": "ct",
    "scheduled_date": "2026-07-06",
    "scheduled_time": "09:30",
    "scheduled_station_ae_title": "CT1",
}


@pytest.fixture
def client(radiologist: User) -> Client:
    client = Client()
    client.force_login(radiologist)
    return client


def test_examination_is_scheduled_shown_changed_and_moved(client: Client) -> None:
    made = client.post("/schedule/new/", FORM)
    step = ScheduledStep.objects.get()

    assert made["Location"] == "/schedule/?day=2026-07-06"
    page = client.get("/schedule/", {"day": "2026-07-06"}).content.decode()
    assert "Doe, Jane" in page
    assert "09:30" in page
    shown = client.get(f"/schedule/{step.pk}/").content.decode()
    assert f'value="{step.study_instance_uid}"' in shown
    client.post(f"/schedule/{step.pk}/", FORM | {"accession_number": "A1"})
    client.post(f"/schedule/{step.pk}/move/", {"state": "ARRIVED"})
    step.refresh_from_db()
    assert (step.accession_number, step.state) == ("A1", "ARRIVED")


def test_other_days_and_states_are_left_out(client: Client) -> None:
    client.post("/schedule/new/", FORM)

    assert "Doe" not in client.get("/schedule/", {"day": "2026-07-07"}).content.decode()
    narrowed = client.get("/schedule/", {"day": "2026-07-06", "state": "COMPLETED"})
    assert "Doe" not in narrowed.content.decode()
    assert (
        client.get("/schedule/", {"day": "x", "state": "y", "patient": "\x00"}).status_code == 200
    )


def test_wrong_value_stands_at_its_field(client: Client) -> None:
    answer = client.post("/schedule/new/", FORM | {"modality": "computed", "patient_name": "A\\B"})

    assert answer.status_code == 422
    assert "character that DICOM does not allow" in answer.content.decode()
    assert not ScheduledStep.objects.exists()


def test_viewer_sees_and_changes_nothing(client: Client, colleague: User) -> None:
    client.post("/schedule/new/", FORM)
    step = ScheduledStep.objects.get()
    viewer = Client()
    viewer.force_login(colleague)

    page = viewer.get("/schedule/", {"day": "2026-07-06"}).content.decode()
    assert "Doe, Jane" in page
    assert "Give up" not in page
    assert viewer.post(f"/schedule/{step.pk}/move/", {"state": "ARRIVED"}).status_code == 403
    assert client.post(f"/schedule/{step.pk}/move/", {"state": "x"}).status_code == 400


def test_stranger_sees_no_schedule(client: Client, outsider: User) -> None:
    client.post("/schedule/new/", FORM)
    stranger = Client()
    stranger.force_login(outsider)

    page = stranger.get("/schedule/", {"day": "2026-07-06"}).content.decode()
    assert "Doe" not in page
    assert stranger.get(f"/schedule/{ScheduledStep.objects.get().pk}/").status_code == 404

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from inference.models import Label, TrainingRun
from tests.factories.archive import StudyFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project

pytestmark = pytest.mark.django_db
URL = "/api/v1/trainings"


@pytest.fixture
def client(archive_admin: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(archive_admin)
    return client


@pytest.fixture
def labelled(project: Project) -> None:
    Label.objects.create(study=StudyFactory(projects=[project]), label_set="chest", label="clear")


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(URL + path, json.dumps(body), content_type="application/json")


def test_training_is_queued_shown_cancelled_and_resumed(client: Client, labelled: None) -> None:
    asked = post(client, "", {"name": "chest-state", "label_set": "chest", "epochs": 3})
    assert asked.status_code == 202, asked.content
    path = f"/{asked.json()['id']}"

    assert client.get(URL).json()["results"][0]["state"] == "queued"
    shown = client.get(URL + path).json()
    assert (shown["recipe"]["epochs"], shown["before_it"]) == (3, 0)
    assert post(client, f"{path}/cancel", {}).json()["state"] == "cancelled"
    assert post(client, f"{path}/resume", {}).json()["state"] == "queued"


def test_training_on_masks_is_queued(client: Client) -> None:
    said = {"name": "liver", "segments": ["Liver", "SCT:78961009"], "masks_by": "people"}

    asked = post(client, "", said | {"voxel_mm": 3.0})

    assert asked.status_code == 202, asked.content
    recipe = asked.json()["recipe"]
    assert recipe["segments"] == said["segments"]
    assert (recipe["backbone"], recipe["voxel_mm"]) == ("unet", 3.0)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": "Not A Name", "label_set": "chest"},
        {"name": "chest-state", "label_set": "unknown"},
        {"name": "chest-state", "label_set": "chest", "epochs": 0},
        {"name": "chest-state", "label_set": "chest", "backbone": "nothing"},
        {"name": "chest-state", "label_set": "chest\u0000"},
        {"name": "chest-state"},
        {"name": "chest-state", "label_set": "chest", "segments": ["Liver"]},
        {"name": "chest-state", "segments": ["Liver"], "folds": 3},
        {"name": "chest-state", "segments": ["Liver\u0000"]},
        {"name": "chest-state", "segments": ["Liver"], "width": 10**30},
    ],
    ids=str,
)
def test_what_can_not_be_trained_is_refused(client: Client, labelled: None, said: dict) -> None:
    assert post(client, "", said).status_code == 400
    assert not TrainingRun.objects.exists()


def test_trainings_are_for_admins_of_the_whole_archive(
    client: Client, labelled: None, radiologist: User
) -> None:
    other = Client()
    other.force_login(radiologist)

    assert other.get(URL).status_code == 403
    assert post(other, "", {"name": "chest-state", "label_set": "chest"}).status_code == 403
    assert client.get(f"{URL}/404").status_code == 404

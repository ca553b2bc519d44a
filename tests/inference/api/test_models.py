"""Models over REST."""

from __future__ import annotations

import pytest
from django.test import Client

from inference.models import ModelVersion
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db
MODELS = "/api/v1/models"


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.fixture
def version():
    return ModelVersionFactory(
        name="chest",
        version="2",
        state=ModelVersion.State.SHADOW,
        intended_use="Research.",
        checks={"trust_needed": ["scripts/a.py is code."], "passed": False},
        source="/srv/chest.zip",
        bundle_path="/srv/models/chest",
        card="# Chest",
    )


def test_models_are_listed_to_every_reader_without_where_they_lie(client, radiologist, version):
    client.force_login(radiologist)

    answer = client.get(MODELS, {"state": "shadow"})

    (found,) = answer.json()["results"]
    assert (found["name"], found["version"], found["state"]) == ("chest", "2", "shadow")
    assert found["notice"] == "Not for diagnostic use"
    assert found["trust_needed"] == ["scripts/a.py is code."]
    assert found["checks"] == {"passed": False}
    assert "/srv" not in answer.content.decode()
    assert client.get(MODELS, {"state": "active"}).json()["results"] == []


def test_one_model_has_its_versions_and_cards(client, archive_admin, version):
    ModelVersionFactory(name="chest", version="3", is_diagnostic=True)
    client.force_login(archive_admin)

    found = client.get(f"{MODELS}/chest").json()

    assert [one["version"] for one in found["versions"]] == ["3", "2"]
    assert [one["notice"] for one in found["versions"]] == ["", "Not for diagnostic use"]
    assert found["cards"]["2"] == "# Chest"
    assert found["versions"][1]["digest"] == version.digest
    assert found["versions"][1]["origin"] == "/srv/chest.zip"
    assert "/srv/models" not in str(found)


def test_what_is_not_there_or_not_asked_well(client, radiologist, version):
    assert client.get(MODELS).status_code == 401
    client.force_login(radiologist)
    assert client.get(f"{MODELS}/other").status_code == 404
    assert client.get(MODELS, {"state": "asleep"}).status_code == 400
    assert client.get(MODELS, {"colour": "red"}).status_code == 400

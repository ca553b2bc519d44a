from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from archive.audit.types import Asker
from inference.bundles.external import register_external
from inference.models import ModelVersion, Run
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project, Series

pytestmark = pytest.mark.django_db
URL = "/runs/new/"


@pytest.fixture
def series(project: Project) -> Series:
    return store_datasets(make_dataset(), project=project)[0].series


@pytest.fixture
def client(radiologist: User) -> Client:
    client = Client()
    client.force_login(radiologist)
    return client


def test_page_says_which_models_fit_and_why_others_do_not(client: Client, series: Series) -> None:
    ModelVersionFactory(name="fits")
    ModelVersionFactory(name="of-ultrasound", inputs={"modalities": ["US"]})
    ModelVersionFactory(name="gone", state=ModelVersion.State.RETIRED)
    ModelVersionFactory(name="untrusted", pipeline="bundle", checks={"trust_needed": ["$x"]})

    page = client.get(URL, {"study": series.study.study_instance_uid})

    reasons = {one.version.name: one.reason for one in page.context["models"]}
    assert reasons["fits"] == ""
    assert reasons["of-ultrasound"]
    assert reasons["untrusted"] == "No admin has trusted its code."
    assert "gone" not in reasons


def test_chosen_model_is_queued(client: Client, series: Series) -> None:
    version = ModelVersionFactory(name="fits")
    said = {"series": series.series_instance_uid, "model": "fits:1", "priority": "9"}

    answer = client.post(URL, said)

    run = Run.objects.get()
    assert answer["Location"] == f"/runs/{run.pk}/"
    assert (run.model_version, run.series, run.priority) == (version, series, 9)


def test_model_that_does_not_fit_is_said_so_and_not_queued(client: Client, series: Series) -> None:
    ModelVersionFactory(name="of-ultrasound", inputs={"modalities": ["US"]})
    said = {"series": series.series_instance_uid, "model": "of-ultrasound"}

    answer = client.post(URL, said, follow=True)

    assert not Run.objects.exists()
    assert [str(message) for message in answer.context["messages"]]


def test_rights(client: Client, series: Series, colleague: User, outsider: User) -> None:
    query = {"series": series.series_instance_uid}
    viewer, stranger = Client(), Client()
    viewer.force_login(colleague)
    stranger.force_login(outsider)

    assert client.get(URL, query).status_code == 200
    assert viewer.get(URL, query).status_code == 403
    assert stranger.get(URL, query).status_code == 404
    assert client.get(URL).status_code == 404
    assert client.get(URL, {"series": "1.2\x00"}).status_code == 404


def test_buttons_lead_there_for_those_who_may(
    client: Client, series: Series, colleague: User
) -> None:
    study, uid = series.study.study_instance_uid, series.series_instance_uid
    viewer = Client()
    viewer.force_login(colleague)
    pages = (f"/studies/{study}/", f"/studies/{study}/series/{uid}/")

    for page, address in zip(pages, (f"study={study}", f"series={uid}"), strict=True):
        assert f"/runs/new/?{address}" in client.get(page).content.decode()
        assert "/runs/new/" not in viewer.get(page).content.decode()


def test_model_performed_outside_has_its_pages(archive_admin: User) -> None:
    asker = Asker(door="tests", name="tests")
    register_external(asker=asker, name="liver-elsewhere", version="2", task="segment")
    client = Client()
    client.force_login(archive_admin)

    assert "liver-elsewhere" in client.get("/models/").content.decode()
    assert client.get("/models/liver-elsewhere/2/").status_code == 200
    assert client.get("/api/v1/models/liver-elsewhere").status_code == 200

"""The page of news: what is new, what to be told of, drift to settle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse

from archive.audit.types import Asker
from inference.models import DriftAlarm, RunNotice, RunSubscription
from inference.runs.finishing import finish_run
from inference.runs.types import RunOutcome
from tests.builders.datasets import make_dataset
from tests.builders.runs import claimed_run
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project

pytestmark = pytest.mark.django_db
URL = "runs:notices"


@pytest.fixture
def client(radiologist: User) -> Client:
    client = Client()
    client.force_login(radiologist)
    return client


def test_news_is_new_until_it_was_looked_at(
    client: Client, radiologist: User, project: Project
) -> None:
    client.post(reverse(URL), {"on_done": "1"})
    series = store_datasets(make_dataset(), project=project)[0].series
    run = claimed_run(series, asker=Asker(door="api", user=radiologist))
    finish_run(run, RunOutcome(device="cpu"))

    first = client.get(reverse(URL)).content.decode()
    second = client.get(reverse(URL)).content.decode()

    assert f"/runs/{run.pk}/" in first
    assert 'chip-twin">New' in first
    assert 'chip-twin">New' not in second
    assert RunNotice.objects.get().seen_at is not None


def test_what_is_not_possible_here_is_said(client: Client) -> None:
    page = client.get(reverse(URL)).content.decode()
    refused = client.post(reverse(URL), {"webhook_url": "https://elsewhere.invalid/"}, follow=True)

    assert "TWINSIGHT_EMAIL_URL" in page
    assert "TWINSIGHT_WEBHOOK_HOSTS" in page
    assert "not one of those that the site allows" in refused.content.decode()
    assert not RunSubscription.objects.exists()


def test_secret_of_a_webhook_is_never_shown(client: Client, settings: Any) -> None:
    settings.TWINSIGHT_WEBHOOK_HOSTS = ["hooks.invalid"]
    values = {"webhook_url": "https://hooks.invalid/a", "webhook_secret": "open-sesame"}

    client.post(reverse(URL), values)
    page = client.get(reverse(URL)).content.decode()

    assert "https://hooks.invalid/a" in page
    assert "open-sesame" not in page


def test_drift_is_settled_by_a_radiology_admin(client: Client, archive_admin: User) -> None:
    alarm = DriftAlarm.objects.create(
        model_version=ModelVersionFactory(name="nodules"),
        measure="label: finding",
        reference={"nodule": 0.2},
        recent={"nodule": 0.7},
        statistic=0.6,
        threshold=0.25,
    )
    admin = Client()
    admin.force_login(archive_admin)

    assert "nodules" not in client.get(reverse(URL)).content.decode()
    assert client.post(reverse("runs:drift-settle", args=(alarm.pk,))).status_code == 403
    assert "nodules" in admin.get(reverse(URL)).content.decode()
    admin.post(reverse("runs:drift-settle", args=(alarm.pk,)), {"note": "new scanner"})

    alarm.refresh_from_db()
    assert alarm.note == "new scanner"

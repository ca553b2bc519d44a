"""The pages of routing rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse

from inference.models import RoutingRule
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory, RoutingRuleFactory

if TYPE_CHECKING:
    from archive.models import Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(archive_admin: object) -> Client:
    client = Client()
    client.force_login(archive_admin)
    return client


def test_rule_is_tried_on_the_archive_without_being_kept(client: Client, project: Project) -> None:
    store_datasets(
        make_dataset(SeriesDescription="Lung thin"),
        make_dataset(SeriesDescription="Bone"),
        project=project,
    )
    ModelVersionFactory(name="nodules", inputs={"modalities": ["MR"]})

    shown = client.post(
        reverse("runs:rule-try"), {"model": "nodules:1", "description_contains": "lung"}
    ).content.decode()

    assert "Lung thin" in shown
    assert "Bone" not in shown
    assert "of the newest 2 series" in shown
    assert "intended use excludes 1 of the first 1" in shown
    assert not RoutingRule.objects.exists()


def test_new_rule_is_kept_off_and_switched_on(client: Client) -> None:
    ModelVersionFactory(name="nodules")
    values = {
        "model": "nodules:1",
        "modalities": "ct, mr",
        "attributes": "Manufacturer = Siemens, GE\n",
        "priority": "9",
        "is_shadow": "1",
    }

    client.post(reverse("runs:rule-new"), values)
    rule = RoutingRule.objects.get()
    page = client.get(reverse("runs:rule-edit", args=(rule.pk,))).content.decode()
    client.post(reverse("runs:rule-act", args=(rule.pk, "on")))

    assert (rule.modalities, rule.is_enabled) == (["CT", "MR"], False)
    assert (rule.priority, rule.is_shadow) == (9, True)
    assert rule.attributes == {"Manufacturer": ["Siemens", "GE"]}
    assert "Manufacturer = Siemens, GE" in page
    rule.refresh_from_db()
    assert rule.is_enabled
    assert "Switch off" in client.get(reverse("runs:rule-list")).content.decode()


def test_rule_is_changed_and_deleted(client: Client) -> None:
    rule = RoutingRuleFactory(modalities=["CT"])
    model = f"{rule.model_version.name}:1"

    client.post(reverse("runs:rule-edit", args=(rule.pk,)), {"model": model, "body_parts": "CHEST"})
    rule.refresh_from_db()
    client.post(reverse("runs:rule-act", args=(rule.pk, "delete")))

    assert (rule.modalities, rule.body_parts) == ([], ["CHEST"])
    assert not RoutingRule.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"attributes": "Manufacturer"}, {"attributes": "PatientName = Doe"}, {"time_from": "20:00"}],
)
def test_wrong_fields_are_said_on_the_page(client: Client, wrong: dict[str, str]) -> None:
    ModelVersionFactory(name="nodules")

    response = client.post(reverse("runs:rule-new"), {"model": "nodules:1", **wrong})
    tried = client.post(reverse("runs:rule-try"), {"model": "nodules:1", **wrong})

    assert response.status_code == 422
    assert 'role="alert"' in response.content.decode()
    assert 'role="alert"' in tried.content.decode()
    assert not RoutingRule.objects.exists()


def test_routing_is_for_radiology_admins_of_the_whole_archive(radiologist: object) -> None:
    client = Client()
    client.force_login(radiologist)
    rule = RoutingRuleFactory()

    for url in (reverse("runs:rule-list"), reverse("runs:rule-new")):
        assert client.get(url).status_code == 403
    assert client.post(reverse("runs:rule-act", args=(rule.pk, "off"))).status_code == 403

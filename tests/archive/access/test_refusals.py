"""What is refused goes on record: who, what, and no more than that."""

from __future__ import annotations

import pytest

from archive.access import refusals
from archive.models import AuditEvent
from tests.factories.archive import StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_budget(monkeypatch):
    monkeypatch.setattr(refusals, "_budget", refusals._Budget())


def refused():
    rows = AuditEvent.objects.filter(act="refuse-access").order_by("pk")
    return [(row.actor_name, row.details["status"], row.study_instance_uid) for row in rows]


def test_refusals_are_recorded_with_who_and_what(client, outsider, colleague, project):
    hidden = StudyFactory(projects=[project]).study_instance_uid
    client.get("/dicom-web/studies", headers={"Authorization": "Bearer tws_wrong"})
    client.get("/dicom-web/studies")
    client.force_login(outsider)
    client.get(f"/studies/{hidden}/")
    client.get(f"/dicom-web/studies/{hidden}/metadata")
    client.get("/no/such/page/")
    client.force_login(colleague)
    client.get("/removals/")

    assert refused() == [
        ("", 401, ""),
        ("outsider", 404, hidden),
        ("outsider", 404, hidden),
        ("colleague", 403, ""),
    ]
    route = AuditEvent.objects.filter(act="refuse-access").latest("pk").details["route"]
    assert route == "removals/"


def test_a_flood_is_counted_not_written(client, outsider, monkeypatch):
    monkeypatch.setattr(refusals, "_A_MINUTE", 3)
    client.force_login(outsider)
    for _ in range(8):
        client.get("/studies/1.2.3/")
    assert len(refused()) == 3

    monkeypatch.setattr(refusals, "_A_MINUTE", 10)
    client.get("/studies/1.2.3/")
    assert AuditEvent.objects.latest("pk").details["left_out"] == 5

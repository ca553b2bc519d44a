"""What happens in the portal is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from archive.models import AuditEvent
from tests.factories.archive import SeriesFactory, StudyFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

    from archive.models import Project

pytestmark = pytest.mark.django_db


def sign_in(client: Client, username: str, password: str) -> None:
    client.post("/login/", {"username": username, "password": password})


def test_sign_in_is_on_record_with_its_account(client: Client, radiologist: User) -> None:
    sign_in(client, "radiologist", "a long enough password")

    event = AuditEvent.objects.get(act="login")
    assert (event.actor, event.outcome, event.door) == (radiologist, 0, "portal")


def test_refused_sign_in_is_on_record(client: Client, radiologist: User) -> None:
    sign_in(client, "radiologist", "wrong")

    event = AuditEvent.objects.get(act="login")
    assert (event.actor, event.actor_name, event.outcome) == (None, "radiologist", 4)


def test_what_is_no_account_is_not_written_down(client: Client, db: None) -> None:
    sign_in(client, "my secret password", "")

    assert AuditEvent.objects.get(act="login").actor_name == ""


def test_opening_a_study_is_on_record_once_in_a_while(
    client: Client, radiologist: User, project: Project
) -> None:
    study = StudyFactory(projects=[project])
    client.force_login(radiologist)

    for _ in range(2):
        client.get(f"/studies/{study.study_instance_uid}/")

    event = AuditEvent.objects.get(act="study")
    assert (event.actor, event.study_instance_uid) == (radiologist, study.study_instance_uid)


def test_opening_a_series_is_on_record_though_no_frame_was_fetched(
    client: Client, radiologist: User, project: Project
) -> None:
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    client.force_login(radiologist)
    uid = series.study.study_instance_uid

    client.get(f"/studies/{uid}/series/{series.series_instance_uid}/")

    event = AuditEvent.objects.get(act="viewer")
    assert (event.actor, event.study_instance_uid) == (radiologist, uid)


def test_refused_series_leaves_no_record_of_access(
    client: Client, outsider: User, project: Project
) -> None:
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    client.force_login(outsider)
    uid = series.study.study_instance_uid

    client.get(f"/studies/{uid}/series/{series.series_instance_uid}/")

    assert not AuditEvent.objects.filter(act="viewer").exists()

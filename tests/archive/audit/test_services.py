"""Each act leaves one record of who, what, where and with which outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import AnonymousUser

from archive.audit import services as audit
from archive.audit.types import Asker
from archive.models import AuditEvent

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db


def test_access_names_actor_door_address_and_study(radiologist: User) -> None:
    asker = Asker(door="dicomweb", user=radiologist, token_hint="tws_abc", address="127.0.0.1")

    audit.record_access(asker, study_instance_uid="1.2.3", what="view")

    event = AuditEvent.objects.get()
    assert (event.event_id, event.act, event.action) == ("110103", "view", "R")
    assert (event.actor, event.door, event.address) == (radiologist, "dicomweb", "127.0.0.1")
    assert (event.study_instance_uid, event.token_hint) == ("1.2.3", "tws_abc")


def test_failed_login_of_a_stranger_is_recorded() -> None:
    audit.record_login(Asker(door="portal", user=AnonymousUser(), name="root"), is_success=False)

    event = AuditEvent.objects.get()
    assert (event.actor, event.actor_name, event.outcome) == (None, "root", 4)


def test_import_is_one_record_a_study() -> None:
    asker = Asker(door="dimse", name="CT1")

    audit.record_import(asker, study_instance_uids=["1.2", "1.3"], stored=4, refused=1)

    assert set(AuditEvent.objects.values_list("study_instance_uid", flat=True)) == {"1.2", "1.3"}


def test_words_that_the_database_refuses_are_recorded_without_them(db):
    details = {"keys": ["a\0b", "half \ud800", "new\nline"], "n\0": {"x": ("\0",)}, "results": 1}

    audit.record_query(Asker(door="dicomweb", name="who\0"), what="query", details=details)

    event = AuditEvent.objects.get()
    assert event.actor_name == "who\ufffd"
    assert event.details == {
        "keys": ["a\ufffdb", "half ?", "new\nline"],
        "n\ufffd": {"x": ["\ufffd"]},
        "results": 1,
    }

from __future__ import annotations

import pytest
from django.db import connection

from archive.audit import services as audit
from archive.audit.types import Asker
from archive.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_a_read_is_recorded_with_everything_that_is_known(radiologist):
    asker = Asker(door="dicomweb", user=radiologist, token_hint="tws_x", address="192.0.2.1")

    audit.record_transfer(asker, study_instance_uid="1.2.3", instances=7)

    event = AuditEvent.objects.get()
    assert (event.event_id, event.act, event.action, event.outcome) == (
        "110104",
        "retrieve",
        "R",
        0,
    )
    assert (event.actor, event.actor_name) == (radiologist, radiologist.username)
    assert (event.token_hint, event.door, event.address) == ("tws_x", "dicomweb", "192.0.2.1")
    assert (event.study_instance_uid, event.details) == ("1.2.3", {"instances": 7})
    assert event.recorded_at is not None


@pytest.mark.django_db(transaction=True)
def test_only_the_record_itself_is_written_without_waiting_for_the_disk():
    asker = Asker(door="dicomweb", name="somebody")
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")

    audit.record_access(asker, study_instance_uid="1", what="x")

    event = AuditEvent.objects.get()
    assert (event.actor, event.actor_name, event.address) == (None, "somebody", None)
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)

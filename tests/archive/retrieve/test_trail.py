from __future__ import annotations

import pytest

from archive.audit.types import Asker
from archive.models import AuditEvent
from archive.retrieve.trail import note_access, note_transfer

pytestmark = pytest.mark.django_db


def test_looks_at_one_study_are_one_access_for_each_asker_and_kind(radiologist, colleague):
    first, second = (Asker(door="dicomweb", user=user) for user in (radiologist, colleague))

    for asker in (first, first, second):
        note_access(asker, "1.2.3", "frames")
    note_access(first, "1.2.3", "metadata")
    note_access(first, "1.2.4", "frames")

    assert AuditEvent.objects.filter(event_id="110103").count() == 4


def test_every_transfer_is_recorded_with_its_count(instance, radiologist):
    asker = Asker(door="dicomweb", user=radiologist, address="192.0.2.1")

    note_transfer(asker, [instance, instance])
    note_transfer(asker, [instance])

    events = AuditEvent.objects.filter(event_id="110104").order_by("pk")
    assert [event.details["instances"] for event in events] == [2, 1]
    assert events[0].address == "192.0.2.1"

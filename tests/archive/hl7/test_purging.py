"""Messages are kept for a time, and no longer: in steps, on record, none that waits."""

from datetime import timedelta

import pytest
from django.utils import timezone

from archive.corrections.messages import keep_message, keep_result
from archive.hl7 import tasks
from archive.models import AuditEvent, Hl7Message

pytestmark = pytest.mark.django_db


def _told(uid: str) -> bool:
    return keep_result(b"MSH|result", kind="ORU^R01", partner="his:2575", uid=uid)


def test_settled_messages_go_after_their_days(settings, monkeypatch):
    monkeypatch.setattr(tasks, "_PURGED_AT_ONCE", 2)
    settings.TWINSIGHT_HL7_KEEP_DAYS = 30
    done, failed, refused, waiting, fresh, late = (
        keep_message(b"MSH|%d" % number, None, "10.0.0.9", error="no header") for number in range(6)
    )
    assert _told("1.2.3")
    told = Hl7Message.objects.get(direction="out").pk
    for pk, state in ((done, "done"), (failed, "failed"), (waiting, "queued"), (told, "done")):
        Hl7Message.objects.filter(pk=pk).update(state=state, settled_at=None)
    old = timezone.now() - timedelta(days=31)
    Hl7Message.objects.exclude(pk=fresh).update(made_at=old)
    Hl7Message.objects.filter(pk__in=[done, refused, told]).update(settled_at=old)
    # Came long ago, was tried again and settled yesterday.
    Hl7Message.objects.filter(pk=late).update(settled_at=timezone.now())

    assert tasks.purge_messages_task() == 4
    assert tasks.purge_messages_task() == 0

    assert set(Hl7Message.objects.values_list("pk", flat=True)) == {waiting, fresh, late, told}
    sent = Hl7Message.objects.get(pk=told)
    assert (sent.sealed_content, sent.state) == ("", "done")
    assert not _told("1.2.3"), "its receiver knows of it already"
    counts = AuditEvent.objects.filter(act="purge-messages").values_list("details", flat=True)
    assert sum(one["removed"] for one in counts) == 3
    assert sum(one["emptied"] for one in counts) == 1
    assert len(counts) == 2, "a record a step"


def test_nothing_goes_where_a_site_keeps_all(settings):
    settings.TWINSIGHT_HL7_KEEP_DAYS = 0
    keep_message(b"MSH|1", None, None, error="no header")
    Hl7Message.objects.update(made_at="2001-01-01T00:00Z", settled_at="2001-01-01T00:00Z")

    assert tasks.purge_messages_task() == 0
    assert Hl7Message.objects.exists()

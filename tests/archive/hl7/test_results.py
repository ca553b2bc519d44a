"""Verified reports go out once, and again until the receiver says that it has them."""

import pytest

from archive.hl7.answering import ACCEPTED, FAILED, acknowledgement
from archive.hl7.listener import MllpListener
from archive.hl7.reading import read_message
from archive.hl7.tasks import queue_results_task, send_results_task
from archive.models import Hl7Message
from tests.builders.reports import content_item, make_report
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db(transaction=True)


def report(**attrs):
    return make_report([content_item("TEXT", "No nodule.")], **attrs)


@pytest.fixture
def receiver(settings):
    """A system that keeps what it is told, and answers what `codes` says."""
    kept, codes = [], [ACCEPTED]

    def answer(content, _address):
        kept.append(read_message(content))
        return acknowledgement(kept[-1], codes[0])

    with MllpListener("127.0.0.1", 0, answer, senders=["127.0.0.1"]) as listener:
        settings.TWINSIGHT_HL7_RESULTS_TO = f"127.0.0.1:{listener.port}"
        yield kept, codes


def test_a_verified_report_is_told_once(receiver, project):
    kept, _ = receiver
    verified, draft = store_datasets(
        report(VerificationFlag="VERIFIED", PatientName="Doe^J|ne", AccessionNumber="A-1"),
        report(VerificationFlag="UNVERIFIED"),
        project=project,
    )
    keys = [verified.pk, draft.pk]

    assert [queue_results_task(keys), queue_results_task(keys)] == [1, 0]
    assert [send_results_task(), send_results_task()] == [1, 0]

    (message,) = kept
    assert message.kind == "ORU^R01"
    assert message.text("PID", 5, 2) == "J|ne"
    assert message.text("OBR", 3) == "A-1"
    assert message.text("OBR", 25) == "F"
    uid = verified.series.study.study_instance_uid
    assert message.text("OBX", 5) == uid
    assert message.text("OBX", 5, nth=2)
    assert Hl7Message.objects.get().state == "done"
    assert not Hl7Message.objects.filter(sealed_content__contains="Doe").exists()


def test_what_is_not_answered_waits_and_what_is_refused_is_listed(receiver, settings, project):
    _, codes = receiver
    reports = [report(VerificationFlag="VERIFIED") for _ in range(2)]
    first, second = store_datasets(*reports, project=project)
    there = settings.TWINSIGHT_HL7_RESULTS_TO
    settings.TWINSIGHT_HL7_RESULTS_TO = "127.0.0.1:1"
    queue_results_task([first.pk])
    send_results_task()
    waiting = Hl7Message.objects.get()
    assert (waiting.state, waiting.attempts) == ("queued", 1)
    assert waiting.not_before > waiting.made_at
    assert send_results_task() == 0, "not before its time"

    settings.TWINSIGHT_HL7_RESULTS_TO = there
    codes[0] = FAILED
    queue_results_task([second.pk])
    send_results_task()
    refused = Hl7Message.objects.exclude(pk=waiting.pk).get()
    assert refused.state == "failed"
    assert "AE" in refused.error

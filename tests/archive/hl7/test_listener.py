"""Messages by MLLP from a real client: applied, answered, kept; what is bad costs nobody else."""

import socket
import threading

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone
from hl7.client import MLLPClient

from archive.corrections.messages import (
    MAX_DEATHS,
    claim_message,
    keep_message,
    message_page,
    retry_message,
)
from archive.corrections.undoing import undo_correction
from archive.errors import NotAllowedError, PeerError, StateConflictError
from archive.hl7.listener import Limits, MllpListener
from archive.hl7.serving import site_listener
from archive.hl7.tasks import retry_messages_task
from archive.models import Correction, Hl7Message, Membership, Patient, ScheduledStep
from tests.archive.corrections.served import by, file_of
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db(transaction=True)
HEADER = "MSH|^~\\&|HIS|CLINIC|PACS|RAD|20261122120000||{}|{}|P|2.5.1|||||||UNICODE UTF-8\r"


def adt(kind, control, pid, *more):
    return HEADER.format(kind, control) + "EVN||20261122\r" + pid + "\r" + "".join(more)


def order(control, number, when="20261123083000"):
    return (
        HEADER.format("ORM^O01", number)
        + "PID|||P-9^^^HOSP||Roe^Mary^^^Dr||19800102|F\r"
        + "PV1||O||||||12^Smith^John\r"
        + f"ORC|{control}|4711|||||^^^{when}^^R\r"
        + "OBR||4711||CT1^CT abdomen^L||||||||||||||A-11|RP-1|SPS-1||||CT\r"
    )


@pytest.fixture
def listener(settings, project):
    settings.TWINSIGHT_HL7_PROJECT = ""
    with site_listener("127.0.0.1", 0) as running:
        yield running


def tell(listener, *messages):
    """Send messages over one connection; return code and the rest of each answer."""
    answers = []
    with MLLPClient("127.0.0.1", listener.port) as client:
        for message in messages:
            answer = client.send_message(message.encode()).decode().strip("\x0b\x1c\r")
            msa = next(line for line in answer.split("\r") if line.startswith("MSA"))
            answers.append((*msa.split("|")[1:3], answer))
    return answers


def test_demographics_and_merges_are_applied_once(listener, project, archive_admin):
    first, second = store_datasets(
        make_dataset(PatientID="P-1"), make_dataset(PatientID="P-2"), project=project
    )
    update = adt("ADT^A08^ADT_A01", "M1", "PID|||P-1^^^HOSP^MR||Müller^Jane^^^Dr||19700131|F")
    merge = adt("ADT^A40^ADT_A39", "M2", "PID|||P-1^^^HOSP^MR", "MRG|P-2^^^HOSP^MR\r")

    answers = tell(listener, update, update, merge)

    assert [code for code, *_ in answers] == ["AA", "AA", "AA"]
    assert answers[0][1] == "M1"
    assert "ACK^A08^ACK" in answers[0][2]
    for row in (first, second):
        ds = file_of(row.sop_instance_uid)
        assert (ds.PatientID, str(ds.PatientName)) == ("P-1", "Müller^Jane^^Dr")
    assert list(Correction.objects.order_by("pk").values_list("kind", "made_by__username")) == [
        ("patient-edit", "hl7"),
        ("patient-merge", "hl7"),
    ]
    assert Hl7Message.objects.count() == 2, "the same again is no second message"
    assert not Hl7Message.objects.filter(sealed_content__contains="ller").exists()
    undo_correction(asker=by(archive_admin), correction_id=Correction.objects.latest("pk").pk)
    assert file_of(second.sop_instance_uid).PatientID == "P-2"


def test_a_merge_into_an_unknown_patient_changes_the_id(listener, project):
    (row,) = store_datasets(make_dataset(PatientID="P-2"), project=project)
    merge = adt("ADT^A40^ADT_A39", "M2", "PID|||P-7^^^HOSP^MR", "MRG|P-2^^^HOSP^MR\r")
    nobody = adt("ADT^A08^ADT_A01", "M3", "PID|||P-X^^^HOSP^MR||No^Body")

    assert [code for code, *_ in tell(listener, merge, nobody)] == ["AA", "AA"]

    assert file_of(row.sop_instance_uid).PatientID == "P-7"
    states = Hl7Message.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["done", "ignored"]


def test_orders_come_change_and_are_given_up(listener, settings, project):
    settings.TWINSIGHT_HL7_PROJECT = project.slug

    answers = tell(listener, order("NW", "O1"), order("XO", "O2", "20261124090000"))

    assert [code for code, *_ in answers] == ["AA", "AA"], answers
    step = ScheduledStep.objects.get()
    assert (step.patient_name, step.accession_number, step.modality) == (
        "Roe^Mary^^Dr",
        "A-11",
        "CT",
    )
    assert step.referring_physician_name == "Smith^John"
    assert str(step.scheduled_date) == "2026-11-24"
    tell(listener, order("CA", "O3"))
    step.refresh_from_db()
    assert step.state == "DISCONTINUED"


def test_what_fails_is_kept_and_can_be_tried_again(listener, project, archive_admin, radiologist):
    store_datasets(make_dataset(PatientID="P-1"), project=project)
    update = adt("ADT^A08^ADT_A01", "M1", "PID|||P-1||Roe^Jane||19700131|F")
    tell(listener, adt("ADT^A01", "M0", "PID|||P-X||a"))
    Membership.objects.filter(user__username="hl7").update(role="viewer")

    ((code, _, answer),) = tell(listener, update)

    assert code == "AE"
    assert "207" in answer
    failed = Hl7Message.objects.get(state="failed")
    with pytest.raises(NotAllowedError):
        message_page(radiologist, 1)
    assert [row.pk for row in message_page(archive_admin, 1, state="failed")] == [failed.pk]
    with pytest.raises(NotAllowedError):
        retry_message(asker=by(radiologist), message_id=failed.pk)
    Membership.objects.filter(user__username="hl7").update(role="radiology_admin")
    retry_message(asker=by(archive_admin), message_id=failed.pk)
    with pytest.raises(StateConflictError):
        retry_message(asker=by(archive_admin), message_id=failed.pk)
    assert retry_messages_task() == 1
    assert Patient.objects.get().patient_name == "Roe^Jane"
    failed.refresh_from_db()
    assert (failed.state, failed.attempts) == ("done", 2)
    from datetime import timedelta

    assert claim_message("in", lease=timedelta(minutes=1)) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"MSH",
        b"MSH|^~\\&",
        b"MSH|||||||||||",
        b"MSH|^~\\&|A|B|C|D|x||ADT^A40|1|P|2.5\rPID|||P-1\r",
        b"MSH|^~\\&|A|B|C|D|x||ADT^A08|1|P|2.5\rPID\r",
        b"MSH|^~\\&|A|B|C|D|x||ADT^A08|1|P|2.5\rPID|||\xff\xfe||\x00\x01^\\X0\\|99999999|Q\r",
        b"MSH|^~\\&|A|B|C|D|x||ORM^O01|1|P|2.5\rORC|NW\r",
        b"MSH|^~\\&|A|B|C|D|x||ORU^R01|1|P|2.5\rOBX|1\r",
        b"MSH|^~\\&|A|B|C|D|x||ADT^A08|1|P|2.5\r" + b"ZZZ|1\r" * 3000,
    ],
    ids=range(11),
)
def test_bad_messages_are_answered_and_the_next_is_taken(listener, content):
    with socket.create_connection(("127.0.0.1", listener.port), timeout=20) as client:
        for message in (content, adt("ADT^A08", "M1", "PID|||P-X||a").encode()):
            client.sendall(b"noise\x0b" + message + b"\x1c\r")
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += client.recv(65536)
            assert b"MSA|A" in answer
        assert b"MSA|AA|M1" in answer


def test_what_nobody_foresaw_is_answered_kept_and_told_without_a_patient(
    listener, monkeypatch, caplog, project
):
    def breaks(*_args):
        raise ValueError("Secret^Jane")

    message = adt("ADT^A08^ADT_A01", "M1", "PID|||P-1^^^HOSP^MR||Secret^Jane")
    other = adt("ADT^A08^ADT_A01", "M2", "PID|||P-1^^^HOSP^MR")
    with monkeypatch.context() as patched:
        patched.setattr("archive.hl7.handling.apply_demographics", breaks)
        (code, _, answer), _again = tell(listener, message, other)
    assert code == "AE"
    row = Hl7Message.objects.order_by("pk").first()
    assert (row.state, row.error) == ("failed", "Something went wrong in the archive itself.")
    assert "Secret" not in answer + caplog.text
    # Whoever speaks for the hospital is switched off: said, and the connection stays.
    User.objects.filter(username="hl7").update(is_active=False)
    assert [code for code, *_ in tell(listener, message, message)] == ["AE", "AE"]


def test_a_message_over_which_workers_die_is_tried_no_more(project, monkeypatch):
    key = keep_message(adt("ADT^A08^ADT_A01", "M1", "PID|||P-1").encode(), None, None)
    Hl7Message.objects.update(state="queued")

    def dies(*_args):
        raise SystemExit

    monkeypatch.setattr("archive.hl7.tasks.apply_kept", dies)
    for _ in range(MAX_DEATHS):
        Hl7Message.objects.update(not_before=timezone.now())
        with pytest.raises(SystemExit):
            retry_messages_task()
    Hl7Message.objects.update(not_before=timezone.now())
    assert retry_messages_task() == 0
    row = Hl7Message.objects.get(pk=key)
    assert (row.state, row.not_before) == ("failed", None)


def test_who_is_not_admitted_slow_or_endless_is_cut():
    limits = Limits(message_bytes=2000, message_s=1.0, idle_s=2.0, connections=2)
    refusing = MllpListener("127.0.0.1", 0, lambda *_: b"x", senders=["10.0.0.0/8"])
    with refusing, socket.create_connection(("127.0.0.1", refusing.port), timeout=10) as client:
        assert client.recv(10) == b""
    echoing = MllpListener(
        "127.0.0.1", 0, lambda content, _: content, senders=["127.0.0.1"], limits=limits
    )
    with echoing:
        where = ("127.0.0.1", echoing.port)
        for sent in (b"\x0b" + b"a" * 9000, b"\x0bnever ended", b""):
            with socket.create_connection(where, timeout=20) as client:
                client.sendall(sent)
                assert client.recv(10) == b"", "cut"
        with socket.create_connection(where, timeout=10) as client:
            client.sendall(b"\x0bone\x1c\r\x0btwo\x1c\r")
            answer = b""
            while answer.count(b"\x1c\r") < 2:
                answer += client.recv(100)
            assert answer == b"\x0bone\x1c\r\x0btwo\x1c\r"


def test_settings_that_can_not_be_are_said(settings, db):
    settings.TWINSIGHT_HL7_SENDERS = ["not an address"]
    with pytest.raises(PeerError):
        site_listener("127.0.0.1", 0)
    settings.TWINSIGHT_HL7_SENDERS = ["127.0.0.1"]
    settings.TWINSIGHT_HL7_TLS_CERTIFICATE = "/nowhere.pem"
    with pytest.raises(PeerError):
        site_listener("127.0.0.1", 0)


def test_several_senders_at_once_lose_nothing(listener, project):
    store_datasets(make_dataset(PatientID="P-1"), project=project)
    failures = []

    def send(number):
        try:
            names = [f"Roe^Jane{number}x{one}" for one in range(4)]
            messages = [
                adt("ADT^A08", f"C{number}-{place}", f"PID|||P-1||{name}")
                for place, name in enumerate(names)
            ]
            answers = tell(listener, *messages)
            assert [code for code, *_ in answers] == ["AA"] * 4
        except Exception as error:  # noqa: BLE001 told to the test
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Hl7Message.objects.filter(state="done").count() == 16
    assert Correction.objects.count() == 16


def test_messages_say_several_things_at_once(listener, settings, project):
    """Chains and groups of merges, IDs of several kinds, orders in groups, batches."""
    settings.TWINSIGHT_HL7_PROJECT = project.slug
    store_datasets(
        *(make_dataset(PatientID=f"P-{number}") for number in range(1, 6)),
        make_dataset(PatientID="123", PatientName="Some^Body"),
        project=project,
    )
    ids = "123^^^SSA^SS~X-9^^^OTHER^MR~P-1^^^HOSP^MR"
    several = adt("ADT^A08", "S1", f'PID|||{ids}||Roe^Jane^^^^^L~Old^Jane^^^^^M||19700131|""')
    pairs = "".join(
        f"PID|||P-{kept}^^^HOSP^MR\rMRG|P-{former}^^^HOSP^MR~1^^^SSA^SS\r"
        for kept, former in ((2, 1), (3, 2))
    )
    chain = HEADER.format("ADT^A40^ADT_A39", "S2") + "EVN||20261122\r" + pairs
    back = adt("ADT^A40^ADT_A39", "S3", "PID|||P-1^^^HOSP^MR", "MRG|P-3^^^HOSP^MR\r")
    head = HEADER.format("ORM^O01", "S4") + "PID|||P-4^^^HOSP||Roe^Mary||19800102|F\rPV1||O\r"
    two = "".join(
        f"ORC|NW|47{number}\rTQ1|1||||||20261123083000\r"
        f"OBR||47{number}||CT1^CT^L||||||||||||||A-{number}|RP|S-{number}||||CT\rZDS|\rNTE|1\r"
        for number in (1, 2)
    )
    late = head.replace("S4", "S5") + "ORC|RP||A-1\rORC|SC||A-2||CA\rORC|OK||A-2\r"
    batch = f"BHS|^~\\&|HIS\r{late}{head.replace('S4', 'S6')}ORC|SC||A-9\rBTS|2\r"

    answers = tell(listener, several, chain, back, head + two)

    assert [code for code, *_ in answers] == ["AA"] * 4, answers
    assert Patient.objects.get(dicom_patient_id="123").patient_name == "Some^Body"
    left = Patient.objects.filter(merged_into=None).exclude(dicom_patient_id__in=["123"])
    assert sorted(left.values_list("dicom_patient_id", flat=True)) == ["P-3", "P-4", "P-5"]
    assert left.get(dicom_patient_id="P-3").patient_name != '""'
    steps = ScheduledStep.objects.order_by("accession_number")
    assert [one.accession_number for one in steps] == ["A-1", "A-2"]
    ((_, _, answer),) = tell(listener, batch)
    assert answer.count("MSA|AA") == 2, answer
    assert answer.startswith("BHS|")
    assert {one.state for one in steps.all()} == {"DISCONTINUED"}


def test_a_number_that_dicom_can_not_hold_is_nobody_elses_order(listener, settings, project):
    settings.TWINSIGHT_HL7_PROJECT = project.slug
    first, second = (
        order("NW", f"L{number}")
        .replace("A-11", f"RAD-20261122-0000{number}")
        .replace("P-9", f"P-{number}")
        for number in (1, 2)
    )
    without_day = order("XO", "L4").replace("^^^20261123083000^^R", "").replace("CT abdomen", "New")

    answers = tell(listener, first, second, order("NW", "L3"), without_day)

    assert [code for code, *_ in answers] == ["AE", "AE", "AA", "AA"], answers
    assert "16 characters" in answers[0][2]
    step = ScheduledStep.objects.get()
    assert (step.dicom_patient_id, step.scheduled_step_description) == ("P-9", "New")
    assert (str(step.scheduled_date), str(step.scheduled_time)) == ("2026-11-23", "08:30:00")

"""Storage commitment: asked on one association, answered on another after reading again."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, MRImageStorage, StorageCommitmentPushModel

from archive.access.services import register_peer
from archive.audit.services import record_import
from archive.audit.types import Asker
from archive.forwarding import commitment
from archive.models import AuditEvent, Blob, Instance, Peer, StorageCommitment
from archive.storage.stores import blob_store
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.waiting import wait_until

INSTANCE = "1.2.840.10008.1.20.1.1"


@pytest.fixture
def stored(project, transactional_db):
    return store_datasets(
        *(make_dataset(StudyInstanceUID="1.2.1", SOPInstanceUID=f"1.2.1.{n}") for n in (1, 2)),
        project=project,
    )


@pytest.fixture
def reports(peer):
    """Where SCANNER listens for reports."""
    got = []

    def handle(event):
        got.append((event.event_type, event.event_information))
        return 0x0000, None

    ae = AE(ae_title="SCANNER")
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, handle)]
    )
    Peer.objects.filter(ae_title="SCANNER").update(port=server.server_address[1])
    yield got
    server.shutdown()


@pytest.fixture
def ask(listener):
    """Send an N-ACTION as SCANNER; return the status. It has a port, or the answer comes here."""

    def send(transaction, *references, action=1, instance=INSTANCE):
        ae = AE(ae_title="SCANNER")
        ae.add_requested_context(StorageCommitmentPushModel)
        association = ae.associate("127.0.0.1", listener.port, ae_title="TWINTEST")
        assert association.is_established
        ds = Dataset()
        ds.TransactionUID = transaction
        ds.ReferencedSOPSequence = [_reference(*pair) for pair in references]
        status, _ = association.send_n_action(ds, action, StorageCommitmentPushModel, instance)
        association.release()
        return status.Status

    return send


def _reference(sop_class, uid):
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item


def _answer_due():
    return [commitment.answer_commitment(key) for key in commitment.due_commitments()]


def test_request_is_kept_then_answered(ask, stored, reports):
    status = ask("1.2.3.4", (CTImageStorage, "1.2.1.1"), (CTImageStorage, "1.2.1.2"))

    assert status == 0
    assert StorageCommitment.objects.get().state == "requested"
    assert _answer_due() == [True]
    ((kind, report),) = reports
    assert kind == 1
    assert report.TransactionUID == "1.2.3.4"
    assert [item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence] == [
        "1.2.1.1",
        "1.2.1.2",
    ]
    assert "FailedSOPSequence" not in report
    assert StorageCommitment.objects.get().state == "reported"
    assert AuditEvent.objects.get(act="storage-commitment").details["committed"] == 2


def test_t61_damaged_missing_and_unknown_objects_fail_with_their_reasons(ask, stored, reports):
    path = blob_store().path(stored[0].blob.sha256)
    path.chmod(0o600)
    path.write_bytes(b"x" + path.read_bytes()[1:])

    ask(
        "1.2.3.4",
        (CTImageStorage, "1.2.1.1"),
        (MRImageStorage, "1.2.1.2"),
        (CTImageStorage, "1.2.1.3"),
        (CTImageStorage, "1.2.1.2"),
    )
    _answer_due()

    ((kind, report),) = reports
    reasons = {
        (str(item.ReferencedSOPInstanceUID), item.FailureReason)
        for item in report.FailedSOPSequence
    }
    assert kind == 2
    assert reasons == {("1.2.1.1", 0x0110), ("1.2.1.2", 0x0119), ("1.2.1.3", 0x0112)}
    assert len(report.ReferencedSOPSequence) == 1
    assert Blob.objects.get(pk=stored[0].blob_id).state == "damaged"


def test_objects_outside_the_peers_rights_are_not_there(ask, stored, reports, other_project, peer):
    theirs = make_dataset(StudyInstanceUID="1.2.2", SOPInstanceUID="1.2.2.1", PatientID="P2")
    store_datasets(theirs, project=other_project)
    mine, other = (CTImageStorage, "1.2.1.1"), (CTImageStorage, "1.2.2.1")
    ask("1.2.3.4", mine, other)
    assert _answer_due() == [True]
    failed = reports[-1][1].FailedSOPSequence
    assert [(one.ReferencedSOPInstanceUID, one.FailureReason) for one in failed] == [
        ("1.2.2.1", 0x0112)
    ]

    # What it has sent something to itself it may ask about.
    record_import(
        Asker(door="dimse", name="SCANNER"), study_instance_uids=["1.2.2"], stored=1, refused=0
    )
    ask("1.2.3.5", mine, other)
    assert _answer_due() == [True]
    assert "FailedSOPSequence" not in reports[-1][1]


def test_deleted_object_is_no_such_object(ask, stored, reports):
    Instance.objects.update(withheld="deleted")

    ask("1.2.3.4", (CTImageStorage, "1.2.1.1"))
    _answer_due()

    assert reports[0][1].FailedSOPSequence[0].FailureReason == 0x0112


def test_peer_without_a_port_is_told_on_its_own_association(listener, stored):
    got = []

    def handle(event):
        got.append((event.event_type, event.event_information))
        return 0x0000, None

    ae = AE(ae_title="SCANNER")
    ae.add_requested_context(StorageCommitmentPushModel)
    association = ae.associate(
        "127.0.0.1",
        listener.port,
        ae_title="TWINTEST",
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, handle)],
    )
    ds = Dataset()
    ds.TransactionUID = "1.2.3.4"
    ds.ReferencedSOPSequence = [_reference(CTImageStorage, "1.2.1.1")]
    status, _ = association.send_n_action(ds, 1, StorageCommitmentPushModel, INSTANCE)

    wait_until(lambda: StorageCommitment.objects.get().state == "reported")
    assert status.Status == 0
    assert [kind for kind, _ in got] == [1]
    association.release()


def test_peer_without_a_port_that_does_not_wait_is_let_go(ask, listener, stored):
    assert ask("1.2.3.4", (CTImageStorage, "1.2.1.1")) == 0

    wait_until(lambda: not listener.associations)
    assert commitment.due_commitments() == []


def test_report_that_cannot_be_delivered_is_tried_again(ask, stored, peer):
    Peer.objects.update(port=9)
    ask("1.2.3.4", (CTImageStorage, "1.2.1.1"))

    assert _answer_due() == [False]

    row = StorageCommitment.objects.get()
    assert (row.state, row.attempts) == ("checked", 1)
    assert "SCANNER" in row.message
    assert commitment.due_commitments() == []


def test_report_is_given_up_after_a_day(ask, stored, peer):
    Peer.objects.update(port=9)
    ask("1.2.3.4", (CTImageStorage, "1.2.1.1"))
    StorageCommitment.objects.update(attempts=len(commitment.BACK_OFF_MINUTES))

    _answer_due()

    assert StorageCommitment.objects.get().state == "failed"


def test_asked_again_it_is_answered_again(ask, stored, reports):
    for _ in range(2):
        assert ask("1.2.3.4", (CTImageStorage, "1.2.1.1")) == 0
        assert _answer_due() == [True]

    assert len(reports) == 2
    assert StorageCommitment.objects.count() == 1


def test_transaction_in_use_for_something_else_is_refused(ask, stored):
    ask("1.2.3.4", (CTImageStorage, "1.2.1.1"))

    assert ask("1.2.3.4", (CTImageStorage, "1.2.1.2")) == 0x0131


@pytest.mark.parametrize(
    ("kwargs", "references", "status"),
    [
        ({"action": 2}, [(CTImageStorage, "1.2.1.1")], 0x0123),
        ({"instance": "1.2.3"}, [(CTImageStorage, "1.2.1.1")], 0x0112),
        ({}, [], 0x0115),
    ],
)
def test_malformed_requests_are_refused(ask, stored, kwargs, references, status):
    assert ask("1.2.3.4", *references, **kwargs) == status
    assert not StorageCommitment.objects.exists()


def test_who_may_not_store_gets_no_context(listener):
    register_peer(ae_title="READER", address="127.0.0.1", may_store=False)
    ae = AE(ae_title="READER")
    ae.add_requested_context(StorageCommitmentPushModel)

    assert not ae.associate("127.0.0.1", listener.port, ae_title="TWINTEST").is_established

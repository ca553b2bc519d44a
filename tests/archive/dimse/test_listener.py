"""The listener as peers meet it: real associations on loopback."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.sop_class import CTImageStorage, PatientRootQueryRetrieveInformationModelFind

from archive.access.services import register_peer
from archive.dicom.reading import read_dataset
from archive.dimse.listener import Listener
from archive.models import Instance, Peer, Quarantine, Study
from archive.storage.stores import blob_store
from tests.archive.dimse.conftest import stray_files
from tests.builders import bad_input
from tests.builders.datasets import as_part10, make_dataset
from tests.waiting import wait_until

PRIVATE_CLASS = "1.3.46.670589.11.0.0.12.1"


def _dataset_bytes(content: bytes) -> bytes:
    """Cut the preamble and the file meta information off a file."""
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


def test_echo_is_answered(associate):
    assert associate().send_c_echo().Status == 0x0000


def test_store_archives_the_instance_for_the_peers_project(associate, project):
    ds = make_dataset()

    status = associate().send_c_store(ds)

    assert status.Status == 0x0000
    instance = Instance.objects.get()
    assert instance.sop_instance_uid == ds.SOPInstanceUID
    assert Study.objects.get().projects.get() == project
    assert stray_files() == []


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_stored_dataset_has_the_bytes_that_were_sent(associate, syntax):
    ds = make_dataset(transfer_syntax=syntax)
    sent = _dataset_bytes(as_part10(ds))

    associate(contexts=[(CTImageStorage, [syntax])]).send_c_store(ds)

    instance = Instance.objects.get()
    assert instance.transfer_syntax_uid == syntax
    with blob_store().open(instance.blob.sha256) as file:
        content = file.read()
    assert content[:132] == bytes(128) + b"DICM"
    assert _dataset_bytes(content) == sent


def test_compressed_instance_is_kept_compressed(associate):
    ds = read_dataset(Path(str(get_testdata_file("JPEG2000.dcm"))))
    syntax = ds.file_meta.TransferSyntaxUID

    status = associate(contexts=[(ds.SOPClassUID, [syntax])]).send_c_store(ds)

    assert status.Status == 0x0000
    assert Instance.objects.get().transfer_syntax_uid == syntax


def test_private_class_is_archived(associate):
    ds = make_dataset(SOPClassUID=PRIVATE_CLASS)

    status = associate(contexts=[(PRIVATE_CLASS, None)]).send_c_store(ds)

    assert status.Status == 0x0000
    assert Instance.objects.get().sop_class_uid == PRIVATE_CLASS


def test_query_classes_are_not_accepted(associate):
    association = associate(contexts=[(PatientRootQueryRetrieveInformationModelFind, None)])

    assert [str(cx.abstract_syntax) for cx in association.accepted_contexts] == [
        "1.2.840.10008.1.1"
    ]


def test_first_syntax_of_the_peer_is_accepted(associate):
    association = associate(contexts=[(CTImageStorage, [JPEG2000Lossless, ExplicitVRLittleEndian])])

    accepted = {str(cx.abstract_syntax): cx.transfer_syntax for cx in association.accepted_contexts}
    assert accepted[CTImageStorage] == [JPEG2000Lossless]


def test_same_instance_again_is_a_success(associate):
    ds = make_dataset()
    association = associate()
    association.send_c_store(ds)

    assert association.send_c_store(ds).Status == 0x0000
    assert Instance.objects.count() == 1


def test_other_content_under_the_same_uid_is_a_duplicate(associate):
    ds = make_dataset()
    association = associate()
    association.send_c_store(ds)
    ds.PatientComments = "changed"

    assert association.send_c_store(ds).Status == 0x0111
    assert Quarantine.objects.get().reason_code == "sop-instance-conflict"
    assert Quarantine.objects.get().source == "SCANNER"


def test_class_other_than_announced_is_a_mismatch(associate):
    ds = make_dataset()
    association = associate()
    message = _request(ds)
    message.AffectedSOPInstanceUID = "1.2.3.4"

    assert _send(association, message).Status == 0xA900
    assert Instance.objects.count() == 0
    assert Quarantine.objects.get().reason_code == "sop-class-mismatch"


# A cut file meta leaves no data set to send.
BAD_DATASETS = [bad for bad in bad_input.bad_files() if bad.name != "cut-header.dcm"]


@pytest.mark.parametrize("bad", BAD_DATASETS, ids=lambda bad: bad.name)
def test_bad_dataset_cannot_be_understood(associate, bad):
    association = associate()
    message = _request(make_dataset())
    content = bad.content
    message.DataSet.truncate(0)
    message.DataSet.seek(0)
    message.DataSet.write(_dataset_bytes(content) if content[128:132] == b"DICM" else content)

    status = _send(association, message)

    assert status.Status == 0xC000
    assert Instance.objects.count() == 0
    assert Quarantine.objects.count() == 1
    assert stray_files() == []
    assert association.send_c_store(make_dataset()).Status == 0x0000


def test_empty_dataset_cannot_be_understood(associate):
    association = associate()
    message = _request(make_dataset(PixelData=None, Rows=None))
    *command, _ = _encode(association, message, 16384)
    last = P_DATA()
    last.presentation_data_value_list = [[_context_id(association), b"\x02"]]
    association._reactor_checkpoint.clear()
    for part in [*command, last]:
        association.dul.send_pdu(part)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()

    assert answer.Status == 0xC000
    assert stray_files() == []


def test_oversized_instance_is_out_of_resources_and_noted(associate, settings):
    settings.TWINSIGHT_MAX_INSTANCE_BYTES = 700
    association = associate()

    assert association.send_c_store(make_dataset()).Status == 0xA700
    entry = Quarantine.objects.get()
    assert (entry.reason_code, entry.blob, entry.door) == ("limit-exceeded", None, "dimse")
    assert stray_files() == []
    assert association.send_c_echo().Status == 0x0000


def test_far_oversized_instance_ends_the_association(associate, listener, settings):
    settings.TWINSIGHT_MAX_INSTANCE_BYTES = 500
    association = associate()

    status = association.send_c_store(
        make_dataset(PixelData=bytes(200_000), Rows=1000, Columns=100)
    )

    assert "Status" not in status
    wait_until(lambda: not listener.associations)
    assert stray_files() == []
    assert associate().send_c_echo().Status == 0x0000


def test_full_disk_is_out_of_resources(associate, settings):
    settings.TWINSIGHT_STORAGE_RESERVE_BYTES = 2**60

    assert associate().send_c_store(make_dataset()).Status == 0xA700
    assert Quarantine.objects.count() == 0


@pytest.mark.parametrize(
    ("calling", "called", "reason"),
    [("STRANGER", "TWINTEST", 3), ("SCANNER", "ANYBODY", 7), ("scanner", "TWINTEST", 3)],
)
def test_unknown_titles_are_rejected(associate, calling, called, reason):
    association = associate(calling=calling, called=called)

    assert association.is_rejected
    answer = association.acceptor.primitive
    assert (answer.result, answer.result_source, answer.diagnostic) == (1, 1, reason)


def test_registered_title_from_another_address_is_rejected(associate, peer):
    Peer.objects.update(address="192.0.2.7")

    assert associate().is_rejected


def test_disabled_peer_is_rejected(associate, peer):
    Peer.objects.update(is_enabled=False)

    assert associate().is_rejected


def test_peer_that_may_not_store_gets_no_storage_context(associate, peer):
    Peer.objects.update(may_store=False)

    association = associate()

    assert [str(cx.abstract_syntax) for cx in association.accepted_contexts] == [
        "1.2.840.10008.1.1"
    ]


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"may_store": False}])
def test_peer_that_may_no_longer_store_is_refused_on_its_open_association(associate, change):
    association = associate()
    assert association.send_c_store(make_dataset()).Status == 0x0000

    Peer.objects.update(**change)

    assert association.send_c_store(make_dataset()).Status == 0x0124
    assert Instance.objects.count() == 1
    assert stray_files() == []


def test_peer_without_project_stores_into_unassigned(associate, peer, unassigned):
    Peer.objects.update(project=None)

    associate().send_c_store(make_dataset())

    assert Study.objects.get().projects.get() == unassigned


def test_several_associations_store_at_once(associate):
    datasets = [
        make_dataset(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4") for _ in range(24)
    ]

    def send(part: list) -> list[int]:
        association = associate()
        return [association.send_c_store(ds).Status for ds in part]

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(send, [datasets[i::4] for i in range(4)]))

    assert {status for part in statuses for status in part} == {0x0000}
    assert Study.objects.get().number_of_study_related_instances == 24
    assert stray_files() == []


def test_abort_in_the_middle_leaves_nothing(associate, listener):
    association = associate()
    message = _request(make_dataset())
    # The last fragment is never sent.
    parts = list(_encode(association, message, 200))
    for part in parts[:-1]:
        association.dul.send_pdu(part)
    wait_until(lambda: bool(stray_files()))

    association.abort()

    wait_until(lambda: not listener.associations)
    assert stray_files() == []
    assert Instance.objects.count() == 0


def test_more_associations_than_a_peer_may_have_are_rejected(associate, listener):
    listener._admission._limit = 3
    associations = [associate() for _ in range(3)]

    rejected = associate()

    assert all(association.is_established for association in associations)
    assert rejected.is_rejected
    associations[0].release()
    wait_until(lambda: len(listener.associations) == 2)
    assert associate().is_established


def test_stop_answers_what_is_under_way(associate, listener):
    association = associate()
    idle = associate()
    association._reactor_checkpoint.clear()
    *parts, last = _encode(association, _request(make_dataset()), 200)
    for part in parts:
        association.dul.send_pdu(part)
    wait_until(lambda: any(a.is_busy for a in listener.associations))

    stopping = threading.Thread(target=listener.stop)
    stopping.start()
    wait_until(lambda: not idle.is_established)
    association.dul.send_pdu(last)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    stopping.join(60)

    assert answer.Status == 0x0000
    assert not idle.is_established
    assert Instance.objects.count() == 1


def test_stop_then_start_on_the_same_port(listener, peer):
    port = listener.port
    listener.stop()

    with Listener(ae_title="TWINTEST", bind="127.0.0.1", port=port) as again:
        assert again.port == port


def test_peer_registered_while_running_is_let_in(associate):
    assert associate(calling="NEWCOMER").is_rejected
    register_peer(ae_title="NEWCOMER", address="127.0.0.1")

    assert associate(calling="NEWCOMER").is_established


def _request(ds):
    """Return the C-STORE request that pynetdicom would send for the data set."""
    message = C_STORE()
    message.MessageID = 7
    message.AffectedSOPClassUID = ds.SOPClassUID
    message.AffectedSOPInstanceUID = ds.SOPInstanceUID
    message.Priority = 2
    message.DataSet = BytesIO(encode(ds, False, True))
    return message


def _context_id(association) -> int:
    for context in association.accepted_contexts:
        if context.abstract_syntax == CTImageStorage:
            return context.context_id
    raise AssertionError


def _encode(association, message, max_pdu: int):
    encoded = C_STORE_RQ()
    encoded.primitive_to_message(message)
    return encoded.encode_msg(_context_id(association), max_pdu)


def _send(association, message):
    """Send a request as it is, whatever pynetdicom would think of it; return the answer."""
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(message, _context_id(association))
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return answer

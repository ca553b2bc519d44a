"""C-GET and C-MOVE with pynetdicom: transcoding, counts, rights, destinations, cancel."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, RLELossless
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    MRImageStorage,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from archive.access.services import register_peer
from archive.models import AuditEvent
from archive.storage.stores import blob_store
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_bytes, store_datasets

pytestmark = pytest.mark.usefixtures("workstation")
GET = StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove


@pytest.fixture
def study(project, transactional_db):
    """Archive a study of three instances in two series."""
    return store_datasets(
        *(
            make_dataset(
                PatientID="P1",
                StudyInstanceUID="1.2.1",
                SeriesInstanceUID=f"1.2.1.{min(number, 2)}",
                SOPInstanceUID=f"1.2.1.9.{number}",
            )
            for number in (1, 2, 3)
        ),
        project=project,
    )


class Receiver:
    """What a storage SCP was given; answers with a status of its own."""

    def __init__(self) -> None:
        self.got: list[Dataset] = []
        self.syntaxes: list[str] = []
        self.originators: list[tuple[str, int]] = []
        self.statuses: dict[str, int] = {}

    def handle(self, event):
        ds = event.dataset
        self.got.append(ds)
        self.syntaxes.append(str(event.context.transfer_syntax))
        request = event.request
        self.originators.append(
            (request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID)
        )
        return self.statuses.get(ds.SOPInstanceUID, 0)


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def get(listener, receiver):
    """C-GET as WORKSTATION; return the statuses, the last with its identifier."""

    def send(level="STUDY", *, syntaxes=None, cancel_after=None, storage=CTImageStorage, **keys):
        ae = AE(ae_title="WORKSTATION")
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 60, 20, 20
        ae.add_requested_context(GET)
        ae.add_requested_context(storage, syntaxes or [ExplicitVRLittleEndian])
        association = ae.associate(
            "127.0.0.1",
            listener.port,
            ae_title="TWINTEST",
            ext_neg=[build_role(storage, scp_role=True)],
            evt_handlers=[(evt.EVT_C_STORE, receiver.handle)],
        )
        assert association.is_established
        ds = _keys(level, keys)
        answers = []
        for status, identifier in association.send_c_get(ds, GET, msg_id=5):
            answers.append((status, identifier))
            if len(answers) == cancel_after:
                association.send_c_cancel(5, query_model=GET)
        association.release()
        return answers

    return send


@pytest.fixture
def destination(receiver, transactional_db):
    """A registered storage SCP on a free port."""
    ae = AE(ae_title="ARCHIVE2")
    for sop_class in (CTImageStorage, MRImageStorage):
        ae.add_supported_context(sop_class, [ExplicitVRLittleEndian])
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, receiver.handle)]
    )
    yield register_peer(
        ae_title="ARCHIVE2",
        address="127.0.0.1",
        port=server.server_address[1],
        is_move_destination=True,
    )
    server.shutdown()


@pytest.fixture
def move(listener):
    """C-MOVE as WORKSTATION; return the statuses."""

    def send(destination, level="STUDY", *, model=MOVE, **keys):
        ae = AE(ae_title="WORKSTATION")
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 60, 20, 20
        ae.add_requested_context(model)
        association = ae.associate("127.0.0.1", listener.port, ae_title="TWINTEST")
        assert association.is_established
        answers = list(association.send_c_move(_keys(level, keys), destination, model, msg_id=9))
        association.release()
        return answers

    return send


def _keys(level, keys):
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def _counts(status):
    return (
        status.get("NumberOfCompletedSuboperations"),
        status.get("NumberOfFailedSuboperations"),
        status.get("NumberOfWarningSuboperations"),
    )


def test_get_of_a_study_counts_down(get, study, receiver):
    answers = get(StudyInstanceUID="1.2.1")

    assert [status.Status for status, _ in answers] == [0xFF00, 0xFF00, 0x0000]
    assert [status.get("NumberOfRemainingSuboperations") for status, _ in answers] == [2, 1, None]
    assert _counts(answers[-1][0]) == (3, 0, 0)
    assert {ds.SOPInstanceUID for ds in receiver.got} == {f"1.2.1.9.{n}" for n in (1, 2, 3)}


@pytest.mark.parametrize(
    ("level", "keys", "count"),
    [
        ("SERIES", {"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.2"}, 2),
        ("SERIES", {"SeriesInstanceUID": ["1.2.1.1", "1.2.1.2"]}, 3),
        ("IMAGE", {"SOPInstanceUID": ["1.2.1.9.1", "1.2.1.9.3"]}, 2),
        ("IMAGE", {"StudyInstanceUID": "1.2.7", "SOPInstanceUID": "1.2.1.9.1"}, 0),
        ("STUDY", {"StudyInstanceUID": "1.2.77"}, 0),
    ],
)
def test_get_of_other_levels(get, study, level, keys, count):
    answers = get(level, **keys)

    assert answers[-1][0].Status == 0
    assert _counts(answers[-1][0]) == (count, 0, 0)


def test_compressed_instance_is_got_as_the_peer_takes_it(get, project, receiver):
    content = Path(str(get_testdata_file("MR_small_jpeg_ls_lossless.dcm"))).read_bytes()
    (instance,) = store_bytes(content, project=project)
    uid = instance.series.study.study_instance_uid

    get(StudyInstanceUID=uid, storage=MRImageStorage, syntaxes=[ExplicitVRLittleEndian])
    get(StudyInstanceUID=uid, storage=MRImageStorage, syntaxes=[JPEGLSLossless])
    get(StudyInstanceUID=uid, storage=MRImageStorage, syntaxes=[RLELossless])
    get(
        StudyInstanceUID=uid,
        storage=MRImageStorage,
        syntaxes=[RLELossless, ExplicitVRLittleEndian],
    )

    plain = [ExplicitVRLittleEndian, JPEGLSLossless, RLELossless, ExplicitVRLittleEndian]
    assert receiver.syntaxes == plain
    native, stored, rle, _ = receiver.got
    assert len(native.PixelData) == native.Rows * native.Columns * 2
    assert stored.PixelData in content
    assert len(rle.PixelData) < len(native.PixelData)


def test_class_that_the_peer_does_not_take_fails_with_its_uid(get, study, receiver):
    (status, identifier) = get(StudyInstanceUID="1.2.1", storage=MRImageStorage)[-1]

    assert status.Status == 0xA702
    assert _counts(status) == (0, 3, 0)
    assert identifier.FailedSOPInstanceUIDList == [f"1.2.1.9.{n}" for n in (1, 2, 3)]


def test_partial_failures_and_warnings_are_told(get, study, receiver):
    receiver.statuses = {"1.2.1.9.1": 0xA700, "1.2.1.9.2": 0xB000}

    status, identifier = get(StudyInstanceUID="1.2.1")[-1]

    assert status.Status == 0xB000
    assert _counts(status) == (1, 1, 1)
    assert identifier.FailedSOPInstanceUIDList == "1.2.1.9.1"


def test_lost_file_fails_alone(get, study, receiver):
    blob_store().path(study[0].blob.sha256).unlink()

    status, identifier = get(StudyInstanceUID="1.2.1")[-1]

    assert status.Status == 0xB000
    assert identifier.FailedSOPInstanceUIDList == study[0].sop_instance_uid


def test_get_is_cancelled(get, project, receiver):
    store_datasets(
        *(make_dataset(StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.1.1") for _ in range(30)),
        project=project,
    )

    status, _ = get(StudyInstanceUID="1.2.1", cancel_after=1)[-1]

    assert status.Status == 0xFE00
    assert status.NumberOfRemainingSuboperations > 0
    assert len(receiver.got) < 30


def test_study_of_another_project_is_not_there(get, move, other_project, receiver, destination):
    store_datasets(make_dataset(StudyInstanceUID="1.2.8"), project=other_project)

    assert _counts(get(StudyInstanceUID="1.2.8")[-1][0]) == (0, 0, 0)
    assert _counts(move("ARCHIVE2", StudyInstanceUID="1.2.8")[-1][0]) == (0, 0, 0)
    assert receiver.got == []


def test_move_stores_with_the_destination(move, study, destination, receiver):
    answers = move("ARCHIVE2", StudyInstanceUID="1.2.1")

    assert [status.Status for status, _ in answers] == [0xFF00, 0xFF00, 0x0000]
    assert _counts(answers[-1][0]) == (3, 0, 0)
    assert len(receiver.got) == 3
    assert receiver.originators == [("WORKSTATION", 9)] * 3


def test_move_of_a_patient(move, study, destination, receiver):
    model = PatientRootQueryRetrieveInformationModelMove

    answers = move("ARCHIVE2", "PATIENT", model=model, PatientID="P1")

    assert _counts(answers[-1][0]) == (3, 0, 0)


def test_t16_move_to_who_is_not_registered_is_refused(move, study, destination):
    register_peer(ae_title="READER", address="127.0.0.1", port=104)

    for title in ("NOBODY", "READER", "../../etc"):
        ((status, _),) = move(title, StudyInstanceUID="1.2.1")
        assert status.Status == 0xA801


def test_move_to_who_does_not_listen_fails_for_all(move, study):
    register_peer(ae_title="GONE", address="127.0.0.1", port=9, is_move_destination=True)

    status, identifier = move("GONE", StudyInstanceUID="1.2.1")[-1]

    assert status.Status == 0xA702
    assert _counts(status) == (0, 3, 0)
    assert len(identifier.FailedSOPInstanceUIDList) == 3
    assert "GONE" in status.ErrorComment


def test_requests_without_their_unique_key_are_refused(move, get, study, destination):
    assert get("STUDY", PatientID="P1")[-1][0].Status == 0xC000
    assert move("ARCHIVE2", "SERIES", StudyInstanceUID="1.2.1")[-1][0].Status == 0xC000
    assert move("ARCHIVE2", "PATIENT", PatientID="P1")[-1][0].Status == 0xA900


def test_transfers_are_audited(move, get, study, destination, radiologist):
    get(StudyInstanceUID="1.2.1")
    move("ARCHIVE2", StudyInstanceUID="1.2.1")

    moved = AuditEvent.objects.get(act="move")
    got = AuditEvent.objects.get(act="retrieve")
    assert (moved.event_id, got.event_id) == ("110104", "110104")
    assert moved.details == {"instances": 3, "destination": "ARCHIVE2"}
    assert (moved.actor, got.actor) == (radiologist, radiologist)
    assert got.study_instance_uid == "1.2.1"

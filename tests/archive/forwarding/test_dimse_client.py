"""The archive as a DICOM client, with its own listener as the peer."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, StudyRootQueryRetrieveInformationModelGet

from archive.access.services import register_peer
from archive.dicom.reading import read_dataset
from archive.dimse.listener import Listener
from archive.errors import ArchiveError, PeerRefusedError, PeerUnreachableError
from archive.forwarding import dimse_client
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin
from archive.models import Instance
from archive.storage.stores import blob_store
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_datasets


@pytest.fixture
def stored(project, transactional_db):
    return store_datasets(
        *(
            make_dataset(
                PatientName="Doe^Jane",
                StudyInstanceUID="1.2.1",
                SeriesInstanceUID="1.2.1.1",
                SOPInstanceUID=f"1.2.1.1.{number}",
            )
            for number in (1, 2, 3)
        ),
        project=project,
    )


@pytest.fixture
def remote(settings, project, radiologist, transactional_db):
    """Our own listener, registered as a peer that knows us as TWINSIGHT."""
    settings.TWINSIGHT_AE_TITLE = "TWINSIGHT"
    register_peer(
        ae_title="TWINSIGHT",
        address="127.0.0.1",
        account=radiologist,
        may_query=True,
        may_retrieve=True,
        project=project,
    )
    with Listener(ae_title="REMOTE", bind="127.0.0.1", port=0) as running:
        yield register_peer(ae_title="REMOTE", address="127.0.0.1", port=running.port)


@pytest.fixture
def scp(transactional_db):
    """Start a storage SCP that takes CT uncompressed; return its peer and what it got."""
    servers = []

    def start(status=0, *, syntaxes=(ExplicitVRLittleEndian, ImplicitVRLittleEndian)):
        got = []

        def handle(event):
            got.append((str(event.request.AffectedSOPInstanceUID), event.context.transfer_syntax))
            return status

        ae = AE(ae_title="PACS")
        ae.add_supported_context(CTImageStorage, list(syntaxes))
        server = ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, handle)]
        )
        servers.append(server)
        port = server.server_address[1]
        return register_peer(ae_title="PACS", address="127.0.0.1", port=port), got

    yield start
    for server in servers:
        server.shutdown()


def test_echo(remote):
    assert dimse_client.echo(remote) == ""


def test_echo_says_what_is_wrong(remote, transactional_db):
    silent = register_peer(ae_title="GONE", address="127.0.0.1", port=9)
    nowhere = register_peer(ae_title="NOWHERE", address="127.0.0.1")
    wrong = register_peer(ae_title="OTHER", address="127.0.0.1", port=remote.port)

    assert dimse_client.echo(silent) == (
        "GONE at 127.0.0.1 port 9 can't be reached: Connection refused."
    )
    assert "no port" in dimse_client.echo(nowhere)
    assert "Called AE title not recognised" in dimse_client.echo(wrong)


def test_find_at_each_level(remote, stored):
    studies = dimse_client.find(remote, "STUDY", {"PatientName": "DOE*", "StudyInstanceUID": ""})
    images = dimse_client.find(
        remote, "IMAGE", {"StudyInstanceUID": "1.2.1", "SOPInstanceUID": ""}, limit=2
    )

    assert [ds.StudyInstanceUID for ds in studies] == ["1.2.1"]
    assert len(images) == 2


def test_find_that_is_refused_says_so(remote, stored):
    with pytest.raises(PeerRefusedError, match="REMOTE answers the query with C000H"):
        dimse_client.find(remote, "STUDY", {"StudyInstanceUID": "1..2"})


def test_get_gives_each_instance_as_a_file(remote, stored):
    got = {}

    def keep(spool):
        spool.flush()
        with spool.path.open("rb") as file:
            ds = read_dataset(file)
        got[str(ds.SOPInstanceUID)] = ds.PixelData

    counts = dimse_client.get(remote, "1.2.1", keep, sop_class_uids=[CTImageStorage])

    assert (counts.received, counts.failed, counts.message) == (3, 0, "")
    assert set(got) == {f"1.2.1.1.{n}" for n in (1, 2, 3)}
    with blob_store().open(stored[0].blob.sha256) as file:
        assert got["1.2.1.1.1"] == read_dataset(file).PixelData
    assert not list((blob_store().root / "spool").iterdir())


def test_get_stops_at_what_cannot_be_kept(remote, stored):
    def refuse(_spool):
        raise ArchiveError("the disk is full")

    with pytest.raises(ArchiveError, match="the disk is full"):
        dimse_client.get(remote, "1.2.1", refuse)
    assert not list((blob_store().root / "spool").iterdir())


def test_move_to_a_third(remote, stored, scp):
    destination, got = scp()
    destination.is_move_destination = True
    destination.save()

    counts = dimse_client.move(remote, "1.2.1", "PACS")

    assert counts.received == 3
    assert len(got) == 3
    with pytest.raises(PeerRefusedError, match="A801"):
        dimse_client.move(remote, "1.2.1", "NOBODY")


def test_send_yields_an_outcome_for_each(stored, scp):
    peer, got = scp()

    outcomes = list(dimse_client.send(peer, stored))

    assert [outcome.is_sent for outcome in outcomes] == [True] * 3
    assert [uid for uid, _ in got] == [f"1.2.1.1.{n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("status", "is_sent", "is_retriable"),
    [(0xB000, True, False), (0xA700, False, True), (0xA900, False, False), (0xC000, False, False)],
)
def test_send_says_whether_to_try_again(stored, scp, status, is_sent, is_retriable):
    peer, _ = scp(status)

    outcome = next(iter(dimse_client.send(peer, stored[:1])))

    assert (outcome.is_sent, outcome.is_retriable) == (is_sent, is_retriable)
    assert f"{status:04X}H" in outcome.message


def test_sent_in_what_the_peer_takes_or_likes_best(stored, scp):
    plain, got = scp(syntaxes=[ImplicitVRLittleEndian])
    list(dimse_client.send(plain, stored[:1]))
    liking, liked = scp(syntaxes=[ExplicitVRLittleEndian, RLELossless])
    liking.transfer_syntaxes = [RLELossless]
    list(dimse_client.send(liking, stored[:1]))

    assert got[0][1] == ImplicitVRLittleEndian
    assert liked[0][1] == RLELossless


def test_lost_file_does_not_keep_the_others_back(stored, scp):
    peer, got = scp()
    blob_store().path(stored[0].blob.sha256).unlink()

    outcomes = list(dimse_client.send(peer, stored))

    assert [outcome.is_sent for outcome in outcomes] == [False, True, True]
    assert len(got) == 2


def test_peer_without_the_class_refuses_for_good(stored, scp, project):
    peer, _ = scp()
    (other,) = store_datasets(make_dataset(SOPClassUID="1.2.840.99999.1"), project=project)

    outcomes = list(dimse_client.send(peer, [other, *stored]))

    assert [outcome.is_sent for outcome in outcomes] == [False, True, True, True]
    assert not outcomes[0].is_retriable


def test_peer_that_hangs_up_is_tried_again(stored, transactional_db):
    with _Rude(b"") as port:
        peer = register_peer(ae_title="RUDE", address="127.0.0.1", port=port)
        with pytest.raises(PeerUnreachableError):
            list(dimse_client.send(peer, stored))


def test_t21_answer_of_250_mb_is_not_read(transactional_db):
    with _Rude(struct.pack(">BBL", 2, 0, 250_000_000) + bytes(1000)) as port:
        peer = register_peer(ae_title="RUDE", address="127.0.0.1", port=port)

        assert "can't be reached" in dimse_client.echo(peer)


def test_get_from_who_has_no_such_service(stored, scp):
    peer, _ = scp()

    with pytest.raises(PeerRefusedError, match="takes no C-GET"):
        dimse_client.get(peer, "1.2.1", lambda _: None, sop_class_uids=[CTImageStorage])


def test_half_received_instance_leaves_nothing(transactional_db):
    def handle(event):
        yield 1
        event.assoc.dul.socket.socket.close()
        yield 0xFF00, make_dataset()

    ae = AE(ae_title="PACS")
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelGet)
    ae.add_supported_context(CTImageStorage, scu_role=True, scp_role=True)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_GET, handle)])
    peer = register_peer(ae_title="PACS", address="127.0.0.1", port=server.server_address[1])

    with pytest.raises(PeerUnreachableError):
        dimse_client.get(peer, "1.2.1", lambda _: None, sop_class_uids=[CTImageStorage])

    server.shutdown()
    assert not list((blob_store().root / "spool").iterdir())


def test_identifier_may_be_a_data_set(remote, stored):
    keys = Dataset()
    keys.PatientName = "Doe*"
    keys.StudyInstanceUID = ""

    assert len(dimse_client.find(remote, "STUDY", keys)) == 1


class _Rude:
    """Listens once, reads a little, says one thing and hangs up."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(self._answer)


BIG_BYTES = 128 * 1024 * 1024


def _store_big(project):
    """Archive an instance of 128 MB without ever holding it."""
    ds = make_dataset(StudyInstanceUID="1.2.9", Rows=8192, Columns=8192, PixelData=b"\0\0")
    head = as_part10(ds)[:-14] + b"\xe0\x7f\x10\x00OW\0\0" + struct.pack("<L", BIG_BYTES)
    chunks = itertools.chain([head], itertools.repeat(bytes(1024 * 1024), BIG_BYTES // 1024**2))
    with spool_stream(chunks) as spool:
        origin = Origin(door="test", project=project)
        (result,) = ingest_files(files=[IncomingFile(spool)], origin=origin)
    assert result.is_accepted, result.error
    rows = Instance.objects.select_related("blob", "series__study")
    return rows.get(sop_instance_uid=result.sop_instance_uid)


def test_memory_stays_the_same_whatever_is_sent_and_fetched(remote, project):
    big = _store_big(project)
    sizes = []
    before = _own_kilobytes()

    with _Peak() as peak:
        (outcome,) = dimse_client.send(remote, [big])
        counts = dimse_client.get(
            remote, "1.2.9", lambda spool: sizes.append(spool.size), sop_class_uids=[CTImageStorage]
        )

    assert outcome.is_sent
    assert counts.received == 1
    assert sizes[0] > BIG_BYTES
    assert peak.kilobytes - before < 48 * 1024


def _own_kilobytes() -> int:
    """Memory of this process, but for files that it maps."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split("RssAnon:")[1].split()[0])


class _Peak:
    """Looks at the memory of this process for as long as it is open."""

    kilobytes = 0

    def __enter__(self) -> _Peak:
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.02):
            self.kilobytes = max(self.kilobytes, _own_kilobytes())

"""Connections that don't behave: raw sockets against a running listener."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct

import pytest
from pynetdicom.sop_class import CTImageStorage

from archive.dimse.lobby import MAX_REQUEST_BYTES
from archive.models import Instance
from tests.archive.dimse.conftest import stray_files
from tests.builders.datasets import make_dataset
from tests.waiting import wait_until


@pytest.fixture
def connect(listener):
    """Open raw connections; close them after the test."""
    with contextlib.ExitStack() as stack:

        def open_connection() -> socket.socket:
            connection = socket.create_connection(("127.0.0.1", listener.port), timeout=60)
            return stack.enter_context(connection)

        yield open_connection


def _is_closed(connection: socket.socket) -> bool:
    """Read whatever still comes; True once the other side hung up."""
    connection.settimeout(60)
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def _associate_rq(calling: bytes = b"SCANNER", called: bytes = b"TWINTEST") -> bytes:
    """Encode an A-ASSOCIATE-RQ that proposes Verification (PS3.8 9.3.2)."""
    application = b"1.2.840.10008.3.1.1.1"
    abstract, transfer = b"1.2.840.10008.1.1", b"1.2.840.10008.1.2"
    syntaxes = struct.pack(">BBH", 0x30, 0, len(abstract)) + abstract
    syntaxes += struct.pack(">BBH", 0x40, 0, len(transfer)) + transfer
    context = struct.pack(">BBHBBBB", 0x20, 0, 4 + len(syntaxes), 1, 0, 0, 0) + syntaxes
    maximum = struct.pack(">BBHL", 0x51, 0, 4, 16384)
    uid = b"1.2.3.4"
    implementation = struct.pack(">BBH", 0x52, 0, len(uid)) + uid
    user = struct.pack(">BBH", 0x50, 0, len(maximum) + len(implementation))
    body = struct.pack(">HH", 1, 0) + called.ljust(16) + calling.ljust(16) + bytes(32)
    body += struct.pack(">BBH", 0x10, 0, len(application)) + application
    body += context + user + maximum + implementation
    return struct.pack(">BBL", 1, 0, len(body)) + body


def _established(connection: socket.socket) -> socket.socket:
    connection.sendall(_associate_rq())
    kind, _, length = struct.unpack(">BBL", connection.recv(6, socket.MSG_WAITALL))
    connection.recv(length, socket.MSG_WAITALL)
    assert kind == 2
    return connection


def test_hand_made_request_is_accepted(connect):
    assert _established(connect())


def test_request_in_single_bytes_is_accepted(connect):
    connection = connect()
    for byte in _associate_rq():
        connection.sendall(bytes([byte]))

    assert connection.recv(1) == b"\x02"


@pytest.mark.parametrize("patience_s", [5])
@pytest.mark.parametrize("count", [12, 100])
def test_t22_silent_connections_keep_nobody_out(connect, associate, listener, count):
    silent = [connect() for _ in range(count)]

    association = associate()

    assert association.send_c_echo().Status == 0
    assert len(listener.associations) == 1
    assert all(_is_closed(connection) for connection in silent)


def test_many_associations_and_silent_ones_together(connect, associate, listener):
    associations = [associate() for _ in range(50)]
    silent = [connect() for _ in range(100)]

    assert associate().send_c_echo().Status == 0

    assert all(association.is_established for association in associations)
    assert silent


def test_full_lobby_dismisses_the_oldest(connect, listener):
    listener._lobby._max_waiting = 4
    silent = [connect() for _ in range(8)]

    connection = connect()
    connection.sendall(_associate_rq())

    assert connection.recv(1) == b"\x02"
    assert all(_is_closed(old) for old in silent[:4])


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"\x04\x00\x00\x00\x00\x04" + bytes(4),
        b"\x00" * 100,
        b"\xff" * 100,
        struct.pack(">BBL", 1, 0, 250_000_000),
        struct.pack(">BBL", 1, 0, MAX_REQUEST_BYTES + 1),
        struct.pack(">BBL", 1, 0, 4) + bytes(4),
        struct.pack(">BBL", 1, 0, 68) + bytes(68),
        struct.pack(">BBL", 1, 0, 68 + 4) + bytes(68) + b"\x10\x00\xff\xff",
    ],
    ids=[
        "http",
        "tls",
        "p-data-first",
        "zeros",
        "ones",
        "250-mb",
        "too-long",
        "too-short",
        "no-items",
        "lying-item",
    ],
)
def test_t21_what_is_no_request_is_hung_up_on(connect, associate, listener, data):
    connection = connect()

    connection.sendall(data)

    assert _is_closed(connection)
    wait_until(lambda: not listener.associations)
    assert associate().send_c_echo().Status == 0


@pytest.mark.parametrize("patience_s", [2])
def test_request_that_never_ends_is_hung_up_on(connect):
    connection = connect()
    connection.sendall(_associate_rq()[:-10])

    assert _is_closed(connection)


def test_t21_announced_length_is_not_believed(connect, associate, listener):
    connection = _established(connect())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    connection.sendall(struct.pack(">BBL", 4, 0, 0xFFFFFFF0))
    with contextlib.suppress(OSError):
        for _ in range(200):
            connection.sendall(bytes(1024 * 1024))

    assert _is_closed(connection)
    wait_until(lambda: not listener.associations)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert associate().send_c_echo().Status == 0


def test_t21_command_that_never_ends_is_aborted(connect, associate, listener):
    connection = _established(connect())
    pdv = struct.pack(">LBB", 8000 + 2, 1, 0x01) + bytes(8000)
    pdu = struct.pack(">BBL", 4, 0, len(pdv)) + pdv

    with contextlib.suppress(OSError):
        for _ in range(200):
            connection.sendall(pdu)

    assert _is_closed(connection)
    wait_until(lambda: not listener.associations)
    assert associate().send_c_echo().Status == 0


@pytest.mark.parametrize(
    "pdv",
    [
        struct.pack(">LBB", 6, 1, 0x03) + b"\xff\xff\xff\xff",
        struct.pack(">LBB", 2, 1, 0x03),
        struct.pack(">LBB", 2, 99, 0x03),
        struct.pack(">LBB", 10, 1, 0x02) + bytes(8),
        struct.pack(">L", 0),
        struct.pack(">LBB", 0x7FFFFFFF, 1, 0x03),
    ],
    ids=["garbage", "empty", "unknown-context", "data-first", "no-header", "lying"],
)
def test_t21_malformed_message_ends_the_association(connect, associate, listener, pdv):
    connection = _established(connect())

    connection.sendall(struct.pack(">BBL", 4, 0, len(pdv)) + pdv)
    connection.shutdown(socket.SHUT_WR)

    assert _is_closed(connection)
    wait_until(lambda: not listener.associations)
    assert associate().send_c_echo().Status == 0


def test_cut_in_the_middle_of_a_dataset_leaves_nothing(associate, listener):
    association = associate()
    association.dul.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes(8))
    ds = make_dataset(Rows=1000, Columns=1000, PixelData=bytes(2_000_000))
    # The peer's machine loses power after some fragments.
    sent = 0
    original = association.dul.socket.send

    def dying_send(data: bytes) -> None:
        nonlocal sent
        sent += 1
        if sent > 5:
            association.dul.socket.socket.close()
        original(data)

    association.dul.socket.send = dying_send

    association.send_c_store(ds)

    wait_until(lambda: not listener.associations)
    assert stray_files() == []
    assert Instance.objects.count() == 0


@pytest.mark.parametrize("uid", ["../../../etc/passwd", "1.2.3\\..\\x", "1" * 65, ""])
def test_uids_never_become_paths(associate, tmp_path, monkeypatch, uid):
    monkeypatch.chdir(tmp_path)
    association = associate(contexts=[(CTImageStorage, None)])
    ds = make_dataset()
    ds.SOPInstanceUID = uid

    with contextlib.suppress(ValueError, AttributeError, TypeError):
        association.send_c_store(ds)

    assert Instance.objects.count() == 0
    assert list(tmp_path.iterdir()) == []
    assert stray_files() == []
    assert associate().send_c_echo().Status == 0


@pytest.mark.parametrize("title", [b"../../x", b"SCANNER\r\nX", b"\x00" * 16, b"' OR 1=1 --"])
def test_strange_titles_are_refused(connect, associate, title):
    connection = connect()

    connection.sendall(_associate_rq(calling=title))

    assert connection.recv(1) in {b"\x03", b"\x07", b""}
    assert associate().send_c_echo().Status == 0


def test_sender_that_never_waits_for_answers_is_cut(connect, associate, listener):
    connection = _established(connect())
    command = bytes.fromhex(
        "000000000400000038000000"  # (0000,0000) group length
        "0000020012000000" + b"1.2.840.10008.1.1\0".hex() + "00000001020000003000"
        "00001001020000000100" + "00000008020000000101"
    )
    pdv = struct.pack(">LBB", len(command) + 2, 1, 0x03) + command
    pdu = struct.pack(">BBL", 4, 0, len(pdv)) + pdv

    with contextlib.suppress(OSError):
        connection.sendall(pdu * 500)
        connection.shutdown(socket.SHUT_WR)

    assert _is_closed(connection)
    wait_until(lambda: not listener.associations)
    assert associate().send_c_echo().Status == 0

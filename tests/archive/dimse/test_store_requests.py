"""Requests read from their bytes are what pynetdicom makes of them, or are left to it."""

from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom.uid import CTImageStorage
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import decode

from archive.dimse.store_requests import store_request
from archive.forwarding import dimse_wire as wire

Elements = dict[int, bytes]
USUAL: Elements = {
    0x0002: wire.uid(CTImageStorage),
    0x0100: wire.number(1),
    0x0110: wire.number(7),
    0x0700: wire.number(2),
    0x0800: wire.number(1),
    0x1000: wire.uid("1.2.3.45"),
}


def command(elements: Elements) -> bytes:
    return wire.command_set(*sorted(elements.items()))


def without(element: int) -> Elements:
    return {number: value for number, value in USUAL.items() if number != element}


def test_a_request_is_what_pynetdicom_reads() -> None:
    read = store_request(3, memoryview(command(USUAL)))
    assert read is not None
    assert read.announced == (CTImageStorage, "1.2.3.45")
    message = C_STORE_RQ()
    stream = BytesIO(command(USUAL))
    message.command_set = decode(stream, is_implicit_vr=True, is_little_endian=True)
    message.context_id = 3
    ours, theirs = read.message_to_primitive(), message.message_to_primitive()
    assert isinstance(ours, C_STORE)
    assert ours.is_valid_request
    for keyword in (*C_STORE.REQUEST_KEYWORDS[:-1], "_context_id", "_dataset_file"):
        assert getattr(ours, keyword) == getattr(theirs, keyword), keyword


@pytest.mark.parametrize(
    "elements",
    [
        *map(without, USUAL),
        USUAL | {0x0100: wire.number(0x20)},
        USUAL | {0x0800: wire.number(0x0101)},
        USUAL | {0x0700: wire.number(3)},
        USUAL | {0x0110: b"\1"},
        USUAL | {0x1000: b"1.2..3"},
        USUAL | {0x1000: b"1.02.3"},
        USUAL | {0x1000: b"1.2.3 "},
        USUAL | {0x1000: b"1." + b"2" * 64},
        USUAL | {0x1000: b""},
        USUAL | {0x1030: b"MOVER "},
    ],
)
def test_what_is_unusual_is_left_to_pynetdicom(elements: Elements) -> None:
    assert store_request(1, command(elements)) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0" * 7,
        lambda data: data + b"\0" * 8,
        lambda data: data + b"\x08\0\0\0" + bytes(4),
        lambda data: b"",
    ],
)
def test_bytes_that_do_not_fit_are_no_request(change: Callable[[bytes], bytes]) -> None:
    assert store_request(1, change(command(USUAL))) is None

"""PDUs and command sets as bytes, for what comes hundreds of times a second (PS3.8 9.3, PS3.7 6.3).

pynetdicom makes the same by way of data sets and queues, which costs more than sending an image.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Fragment = bytes | memoryview

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA_TF = 0x01, 0x02, 0x03, 0x04
RELEASE_RQ, RELEASE_RP, ABORT = 0x05, 0x06, 0x07
HEAD_BYTES = 6
NO_DATASET, WITH_DATASET = 0x0101, 0x0001
C_STORE_RQ, C_STORE_RSP = 0x0001, 0x8001
# Command elements (0000,xxxx).
GROUP_LENGTH, SOP_CLASS_UID, COMMAND_FIELD = 0x0000, 0x0002, 0x0100
MESSAGE_ID, RESPONDED_TO, PRIORITY = 0x0110, 0x0120, 0x0700
DATASET_TYPE, STATUS, ERROR_COMMENT = 0x0800, 0x0900, 0x0902
SOP_INSTANCE_UID, ORIGINATOR_TITLE, ORIGINATOR_MESSAGE = 0x1000, 0x1030, 0x1031
ACTION_TYPE = 0x1008
REMAINING, COMPLETED, FAILED, WARNING = 0x1020, 0x1021, 0x1022, 0x1023
_COMMAND, _LAST = 1, 2
_APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
# A presentation data value's own head: length, context, control.
_VALUE_HEAD_BYTES = 6


def pdu(kind: int, body: bytes) -> bytes:
    """Write a PDU."""
    return struct.pack(">BBL", kind, 0, len(body)) + body


def associate_request(
    *,
    called: str,
    calling: str,
    contexts: Iterable[tuple[int, str, str]],
    max_pdu_bytes: int,
    implementation: tuple[str, str],
) -> bytes:
    """Write an A-ASSOCIATE-RQ (PS3.8 table 9-11).

    Parameters
    ----------
    called, calling
        AE titles
    contexts
        identifier, SOP class and transfer syntax of each
    max_pdu_bytes
        that we take
    implementation
        class UID and version name
    """
    proposed = b"".join(
        _item(
            0x20,
            struct.pack(">BBBB", number, 0, 0, 0)
            + _item(0x30, sop_class_uid.encode("ascii"))
            + _item(0x40, syntax.encode("ascii")),
        )
        for number, sop_class_uid, syntax in contexts
    )
    uid, version = implementation
    user = _item(0x51, struct.pack(">L", max_pdu_bytes))
    user += _item(0x52, uid.encode("ascii")) + _item(0x55, version.encode("ascii"))
    titles = b"".join(
        title.encode("ascii", "replace")[:16].ljust(16) for title in (called, calling)
    )
    head = struct.pack(">HH", 1, 0) + titles + bytes(32)
    return pdu(
        ASSOCIATE_RQ, head + _item(0x10, _APPLICATION_CONTEXT) + proposed + _item(0x50, user)
    )


def command_set(*elements: tuple[int, bytes]) -> bytes:
    """Write a command set from its elements, which are given in order, behind its length."""
    body = b"".join(
        struct.pack("<HHL", 0, number, len(value)) + value for number, value in elements
    )
    return struct.pack("<HHLL", 0, GROUP_LENGTH, 4, len(body)) + body


def number(value: int) -> bytes:
    """Write a US value."""
    return struct.pack("<H", value)


def text(value: str) -> bytes:
    """Write an AE or LO value."""
    encoded = value.encode("ascii", "replace")
    return encoded + b" " * (len(encoded) % 2)


def uid(value: str) -> bytes:
    """Write a UI value."""
    encoded = value.encode("ascii", "replace")
    return encoded + b"\0" * (len(encoded) % 2)


def fragments(
    context_id: int, data: Fragment, *, max_pdu_bytes: int, is_command: bool, is_end: bool = True
) -> Iterator[Fragment]:
    """Write data as P-DATA-TF PDUs of at most so many bytes, in pieces to be joined.

    Parameters
    ----------
    context_id
        presentation context
    data
        a command set, or a part of a data set
    max_pdu_bytes
        that the other side takes; 0 is unlimited to it, and not to be given here
    is_command
        whether it is a command set
    is_end
        whether the message's command set, or its data set, is over with it
    """
    step = max(2, (max_pdu_bytes - _VALUE_HEAD_BYTES) & ~1)
    view = memoryview(data)
    for start in range(0, max(1, len(view)), step):
        piece = view[start : start + step]
        is_last = is_end and start + step >= len(view)
        control = (_COMMAND if is_command else 0) | (_LAST if is_last else 0)
        length = len(piece) + 2
        yield struct.pack(">BBLLBB", P_DATA_TF, 0, length + 4, length, context_id, control)
        yield piece


def data_values(body: bytes | bytearray) -> Iterator[tuple[int, int, bytes]]:
    """Give context, control header and fragment of each value of a P-DATA-TF (PS3.8 9.3.5).

    Raises
    ------
    ValueError
        A value does not fit its PDU.
    """
    position = 0
    while position < len(body):
        if position + _VALUE_HEAD_BYTES > len(body):
            raise ValueError("a presentation data value is cut")
        length, context_id, control = struct.unpack_from(">LBB", body, position)
        stop = position + 4 + length
        if length < 2 or stop > len(body):
            raise ValueError("a presentation data value does not fit its PDU")
        yield context_id, control, bytes(body[position + _VALUE_HEAD_BYTES : stop])
        position = stop


def is_last_of_command(control: int) -> bool:
    """Whether a fragment's control header says that the command set is whole.

    Raises
    ------
    ValueError
        It is a fragment of a data set.
    """
    if not control & _COMMAND:
        raise ValueError("a data set where none belongs")
    return bool(control & _LAST)


def command_values(command: bytes) -> dict[int, bytes]:
    """Give the elements of a command set.

    Raises
    ------
    ValueError
        It is malformed.
    """
    found: dict[int, bytes] = {}
    position = 0
    while position < len(command):
        if position + 8 > len(command):
            raise ValueError("a command set is cut")
        group, element, length = struct.unpack_from("<HHL", command, position)
        position += 8
        if group or position + length > len(command):
            raise ValueError("a command set is malformed")
        found[element] = command[position : position + length]
        position += length
    return found


def as_number(value: bytes) -> int | None:
    """Read a US value."""
    return int.from_bytes(value, "little") if len(value) == 2 else None


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value

"""What a C-STORE needs of the wire, written directly: it comes hundreds of times a second.

pynetdicom builds and encodes the same few elements by way of data sets, which costs more than
storing the instance.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION, evt
from pynetdicom.pdu_primitives import P_DATA

from archive.errors import InvalidInstanceError

if TYPE_CHECKING:
    from archive.dimse.associations import PeerAssociation

_C_STORE_RSP = 0x8001
_NO_DATASET = 0x0101
_LAST_COMMAND_FRAGMENT = b"\x03"
_P_DATA_TF = 0x04
_TRANSFERRING = "Sta6"
_MAX_UID_BYTES = 0xFFFE


def part10_header(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Write preamble, prefix and file meta information (PS3.10 7.1).

    Raises
    ------
    InvalidInstanceError
        A UID can't be written.
    """
    elements = b"".join(
        (
            struct.pack("<HH2sHL2s", 2, 1, b"OB", 0, 2, b"\x00\x01"),
            _explicit(0x0002, b"UI", _uid(sop_class_uid)),
            _explicit(0x0003, b"UI", _uid(sop_instance_uid)),
            _explicit(0x0010, b"UI", _uid(transfer_syntax_uid)),
            _explicit(0x0012, b"UI", _uid(PYNETDICOM_IMPLEMENTATION_UID)),
            _explicit(0x0013, b"SH", _even(PYNETDICOM_IMPLEMENTATION_VERSION.encode(), b" ")),
        )
    )
    length = struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(elements))
    return b"".join((bytes(128), b"DICM", length, elements))


def serve_store(assoc: PeerAssociation, request: Any, context_id: int) -> None:
    """Let the handler store the instance, and answer with its status (PS3.7 9.3.1)."""
    context = assoc._accepted_cx[context_id]  # noqa: SLF001 no public name
    status: Any = evt.trigger(
        assoc, evt.EVT_C_STORE, {"request": request, "context": context.as_tuple}
    )
    if assoc.is_established:
        _send(assoc, context_id, store_response(request, int(status)))


def store_response(request: Any, status: int) -> bytes:
    """Write the command set of a C-STORE-RSP (PS3.7 table 9.3-2), Implicit VR Little Endian."""
    elements = b"".join(
        (
            _implicit(0x0002, _uid(request.AffectedSOPClassUID)),
            _implicit(0x0100, struct.pack("<H", _C_STORE_RSP)),
            _implicit(0x0120, struct.pack("<H", request.MessageID)),
            _implicit(0x0800, struct.pack("<H", _NO_DATASET)),
            _implicit(0x0900, struct.pack("<H", status)),
            _implicit(0x1000, _uid(request.AffectedSOPInstanceUID)),
        )
    )
    return _implicit(0x0000, struct.pack("<L", len(elements))) + elements


def _send(assoc: PeerAssociation, context_id: int, command: bytes) -> None:
    """Send one fragment: at once, or by the association's other thread where TLS needs that."""
    fragment = _LAST_COMMAND_FRAGMENT + command
    dul: Any = assoc.dul
    if assoc.is_secure or dul.state_machine.current_state != _TRANSFERRING or dul.socket is None:
        primitive = P_DATA()
        primitive.presentation_data_value_list.append([context_id, fragment])  # type: ignore[arg-type]
        dul.send_pdu(primitive)
        return
    length = len(fragment) + 1
    head = struct.pack(">BBLLB", _P_DATA_TF, 0, length + 4, length, context_id)
    dul.socket.send(head + fragment)


def _uid(uid: Any) -> bytes:
    try:
        value = str(uid).encode("ascii")
    except UnicodeEncodeError:
        value = b""
    if not uid or not value or len(value) > _MAX_UID_BYTES:
        message = "The request's SOP Class UID or SOP Instance UID can't be written."
        raise InvalidInstanceError(message, code="invalid-uid")
    return _even(value, b"\0")


def _even(value: bytes, padding: bytes) -> bytes:
    return value + padding if len(value) % 2 else value


def _explicit(element: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", 0x0002, element, vr, len(value)) + value


def _implicit(element: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0x0000, element, len(value)) + value

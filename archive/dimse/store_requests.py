"""C-STORE requests read from their bytes: pynetdicom's way costs as much as receiving the image.

Whatever is not as nearly everybody sends it (other elements, odd identifiers, a command in several
fragments, a C-MOVE's originator) is left to pynetdicom.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from pydicom.uid import UID
from pynetdicom.dimse_primitives import C_STORE

_C_STORE_RQ = 0x0001
_NO_DATASET = 0x0101
_LENGTH, _CLASS, _COMMAND, _MESSAGE, _PRIORITY, _DATASET, _INSTANCE = (
    0x0000,
    0x0002,
    0x0100,
    0x0110,
    0x0700,
    0x0800,
    0x1000,
)
_NUMBERS = {_COMMAND, _MESSAGE, _PRIORITY, _DATASET}
_EXPECTED = _NUMBERS | {_CLASS, _INSTANCE}
_UID = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
_MAX_UID_BYTES = 64
_MAX_PRIORITY = 2


@dataclass
class StoreRequest:
    """A request whose data set is under way, with what `SpoolingDimse` asks of a message."""

    context_id: int
    message_id: int
    priority: int
    announced: tuple[str, str]
    # As pynetdicom's messages call it.
    _data_set_file: Any = None
    encoded_command_set: BytesIO = field(default_factory=BytesIO)

    def message_to_primitive(self) -> C_STORE:
        """Return the request as the association's loop takes it."""
        request: Any = C_STORE()
        request.MessageID = self.message_id
        request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = map(UID, self.announced)
        request.Priority = self.priority
        # There is one; its bytes are in the file.
        request.DataSet = BytesIO()
        request._context_id = self.context_id  # noqa: SLF001 as pynetdicom does
        request._dataset_path = None  # noqa: SLF001 as above
        request._dataset_file = self._data_set_file  # noqa: SLF001 as above
        return request  # type: ignore[no-any-return]


def store_request(context_id: int, command: bytes | memoryview) -> StoreRequest | None:
    """Read a whole command set, Implicit VR Little Endian (PS3.7 6.3.1, table 9.3-1).

    Parameters
    ----------
    context_id
        of the presentation context in which it came
    command
        its bytes

    Returns
    -------
    the request, or None where the command is another one, or anything about it is unusual
    """
    values = _values(bytes(command))
    if values is None or values.keys() != _EXPECTED:
        return None
    numbers = {element: _number(values[element]) for element in _NUMBERS}
    uids = [_uid(values[element]) for element in (_CLASS, _INSTANCE)]
    if None in numbers.values() or None in uids:
        return None
    message_id, priority = numbers[_MESSAGE] or 0, numbers[_PRIORITY] or 0
    if (
        numbers[_COMMAND] != _C_STORE_RQ
        or numbers[_DATASET] == _NO_DATASET
        or priority > _MAX_PRIORITY
    ):
        return None
    return StoreRequest(context_id, message_id, priority, (uids[0] or "", uids[1] or ""))


def _values(data: bytes) -> dict[int, bytes] | None:
    """Return the elements behind the group's length, by number; None where they don't fit."""
    values: dict[int, bytes] = {}
    position, last = 0, -1
    while position < len(data):
        if position + 8 > len(data):
            return None
        group, element, length = struct.unpack_from("<HHL", data, position)
        position += 8
        if group or element <= last or length > len(data) - position:
            return None
        if element != _LENGTH:
            values[element] = data[position : position + length]
        position, last = position + length, element
    return values


def _number(value: bytes) -> int | None:
    return int.from_bytes(value, "little") if len(value) == 2 else None


def _uid(value: bytes) -> str | None:
    value = value.removesuffix(b"\0")
    if len(value) > _MAX_UID_BYTES or not _UID.fullmatch(value):
        return None
    return value.decode("ascii")

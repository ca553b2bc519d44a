"""C-FIND and C-MOVE with a client whose own work is small, as `bench.dicom_sender` is for C-STORE.

An association of pynetdicom costs its client 20 to 40 ms: it starts two threads, which look every
millisecond whether something came, and sleeps before it releases. That is more than a good server
needs for the whole query. Both servers are asked by this one.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from bench.dicom_sender import CONTEXT_ID, NoAssociationError, Sender, elements, even_uid, p_data

FIND, MOVE = 0x0020, 0x0021
_P_DATA_TF = 0x04
_LAST_COMMAND, _LAST_DATASET = 0x03, 0x02
_NO_DATASET = 0x0101


@dataclass(frozen=True)
class Answer:
    """What a response says: its status, sub-operations done, whether it had an identifier."""

    status: int
    completed: int
    has_identifier: bool

    @property
    def is_pending(self) -> bool:
        """Whether more will come."""
        return self.status in {0xFF00, 0xFF01}


def prepare(
    kind: int, sop_class_uid: str, keys: Dataset, *, message_id: int = 1, destination: str = ""
) -> bytes:
    """Make the PDUs of a request, its identifier in Implicit VR Little Endian."""
    identifier = encode(keys, is_implicit_vr=True, is_little_endian=True) or b""
    title = destination.encode()
    command = elements(
        (0x0002, even_uid(sop_class_uid)),
        (0x0100, struct.pack("<H", kind)),
        (0x0110, struct.pack("<H", message_id)),
        *([(0x0600, title + b" " * (len(title) % 2))] if title else []),
        (0x0700, struct.pack("<H", 0)),
        (0x0800, struct.pack("<H", 1)),
    )
    return p_data(_LAST_COMMAND, command) + p_data(_LAST_DATASET, identifier)


class Asker(Sender):
    """One association on which requests are made and their answers read."""

    def ask(self, request: bytes) -> Iterator[Answer]:
        """Send a prepared request and give its answers, the last one too.

        Raises
        ------
        NoAssociationError
            The association was aborted.
        """
        self._wire.sendall(request)
        for command, identifier in self._messages():
            found = _values(command)
            answer = Answer(
                found.get(0x0900, -1), found.get(0x1021, 0), has_identifier=bool(identifier)
            )
            yield answer
            if not answer.is_pending:
                return

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        command = identifier = b""
        while True:
            kind, body = self._read_pdu()
            if kind != _P_DATA_TF:
                raise NoAssociationError("the association was aborted")
            position = 0
            while position < len(body):
                length, context, control = struct.unpack_from(">LBB", body, position)
                if context != CONTEXT_ID:
                    raise NoAssociationError("an answer on another presentation context")
                fragment = body[position + 6 : position + 4 + length]
                position += 4 + length
                if control & 1:
                    command += fragment
                else:
                    identifier += fragment
                is_whole = control == _LAST_DATASET or (
                    control == _LAST_COMMAND and _values(command).get(0x0800) == _NO_DATASET
                )
                if is_whole:
                    yield command, identifier
                    command = identifier = b""


def _values(command: bytes) -> dict[int, int]:
    """Read the numbers of a command set."""
    found, position = {}, 0
    while position + 8 <= len(command):
        _, number, length = struct.unpack_from("<HHL", command, position)
        if length == 2:
            (found[number],) = struct.unpack_from("<H", command, position + 8)
        position += 8 + length
    return found

"""A C-STORE sender whose own work is small: what is measured is the server.

pynetdicom's sender takes as long for an instance as a good server does; here every PDU is made
before the clock starts, and goes out in one piece.
"""

import socket
import struct
from dataclasses import dataclass

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IMPLEMENTATION = "2.25.1"
CONTEXT_ID = 1
MAX_PDU_BYTES = 128 * 1024
TIMEOUT_S = 120
_ASSOCIATE_AC, _P_DATA_TF, _RELEASE_RQ = 0x02, 0x04, 0x05
_STATUS = struct.pack("<HHL", 0x0000, 0x0900, 2)


class NoAssociationError(Exception):
    """The server did not accept us; a registered peer may be missing."""


class StoreFailedError(Exception):
    """The server answered a C-STORE with another status than success."""


@dataclass(frozen=True)
class Instance:
    """What a request says of an instance, and its data set."""

    sop_class_uid: str
    sop_instance_uid: str
    dataset: bytes


def instance_of(content: bytes, sop_class_uid: str, sop_instance_uid: str) -> Instance:
    """Take the data set out of the bytes of a file with file meta information."""
    (length,) = struct.unpack_from("<L", content, 140)
    return Instance(sop_class_uid, sop_instance_uid, content[144 + length :])


class Sender:
    """One association with one presentation context."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        calling: str,
        called: str,
        sop_class_uid: str,
        transfer_syntax_uid: str,
    ) -> None:
        self._wire = socket.create_connection((host, port), timeout=TIMEOUT_S)
        try:
            self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._wire.sendall(_associate_rq(called, calling, sop_class_uid, transfer_syntax_uid))
            self.max_pdu_bytes = _max_pdu_bytes(self._accepted(called, calling))
        except BaseException:
            self._wire.close()
            raise

    def prepare(self, instance: Instance, message_id: int) -> bytes:
        """Make all PDUs of a request."""
        command = elements(
            (0x0002, even_uid(instance.sop_class_uid)),
            (0x0100, struct.pack("<H", 0x0001)),
            (0x0110, struct.pack("<H", message_id % 0xFFFF + 1)),
            (0x0700, struct.pack("<H", 0)),
            (0x0800, struct.pack("<H", 1)),
            (0x1000, even_uid(instance.sop_instance_uid)),
        )
        step = self.max_pdu_bytes - 6
        data = instance.dataset
        pdus = [p_data(3, command)]
        for start in range(0, len(data), step):
            is_last = start + step >= len(data)
            pdus.append(p_data(2 if is_last else 0, data[start : start + step]))
        return b"".join(pdus)

    def store(self, request: bytes) -> None:
        """Send a prepared request and wait for its answer.

        Raises
        ------
        StoreFailedError
            Its status is no success.
        """
        self._wire.sendall(request)
        kind, answer = self._read_pdu()
        # The last: the number of message 521, with what follows it, looks the same.
        at = answer.rfind(_STATUS)
        if kind != _P_DATA_TF or at < 0:
            raise StoreFailedError("the association was aborted")
        (status,) = struct.unpack_from("<H", answer, at + len(_STATUS))
        if status:
            raise StoreFailedError(f"C-STORE status {status:04X}")

    def release(self) -> None:
        """End the association."""
        with self._wire:
            self._wire.sendall(struct.pack(">BBLL", _RELEASE_RQ, 0, 4, 0))
            self._read_pdu()

    def _accepted(self, called: str, calling: str) -> bytes:
        kind, answer = self._read_pdu()
        if kind != _ASSOCIATE_AC:
            message = f"{called} refused {calling}: register it with register_peer."
            raise NoAssociationError(message)
        return answer

    def _read_pdu(self) -> tuple[int, bytes]:
        head = self._read(6)
        kind, _, length = struct.unpack(">BBL", head)
        return kind, self._read(length)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._wire.recv(count - len(data))
            if not piece:
                raise ConnectionError("the server hung up")
            data += piece
        return data


def _associate_rq(called: str, calling: str, sop_class: str, transfer_syntax: str) -> bytes:
    context = struct.pack(">BBBB", CONTEXT_ID, 0, 0, 0)
    context += _item(0x30, sop_class.encode()) + _item(0x40, transfer_syntax.encode())
    user = _item(0x51, struct.pack(">L", MAX_PDU_BYTES)) + _item(0x52, IMPLEMENTATION.encode())
    body = struct.pack(">HH", 1, 0) + called.ljust(16).encode() + calling.ljust(16).encode()
    body += bytes(32) + _item(0x10, APPLICATION_CONTEXT.encode())
    body += _item(0x20, context) + _item(0x50, user)
    return struct.pack(">BBL", 1, 0, len(body)) + body


def _max_pdu_bytes(answer: bytes) -> int:
    """Find the other side's limit in an A-ASSOCIATE-AC; 0 stands for none."""
    position = 68
    while position + 4 <= len(answer):
        kind, _, length = struct.unpack_from(">BBH", answer, position)
        if kind == 0x50:
            # The first sub-item is the limit (PS3.8 D.1).
            return struct.unpack_from(">L", answer, position + 8)[0] or MAX_PDU_BYTES
        if kind == 0x21 and answer[position + 6]:
            raise NoAssociationError("the presentation context was not accepted")
        position += 4 + length
    return MAX_PDU_BYTES


def p_data(control: int, fragment: bytes) -> bytes:
    length = len(fragment) + 2
    return struct.pack(">BBLLBB", _P_DATA_TF, 0, length + 4, length, CONTEXT_ID, control) + fragment


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


def elements(*elements: tuple[int, bytes]) -> bytes:
    body = b"".join(
        struct.pack("<HHL", 0, number, len(value)) + value for number, value in elements
    )
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def even_uid(uid: str) -> bytes:
    value = uid.encode()
    return value + b"\0" * (len(value) % 2)

"""An association for C-STORE alone, straight on its socket: request out, answer in, no threads."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

from django.conf import settings
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ

from archive.errors import PeerRefusedError, PeerUnreachableError
from archive.forwarding import dimse_wire as wire
from archive.forwarding.dimse_association import (
    ACSE_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    DIMSE_TIMEOUT_S,
    MAX_ACCEPTED_PDU_BYTES,
    MAX_PDU_BYTES,
    listening_address,
    place_of,
    rejection,
)
from archive.forwarding.dimse_chunks import CHUNK_BYTES, chunks_of
from archive.forwarding.dimse_tls import client_context

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO, Self

    from pynetdicom.presentation import PresentationContext

    from archive.models import Peer

MAX_COMMAND_BYTES = 64 * 1024
_IMPLEMENTATION = (PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION)


class StoreAssociation:
    """Proposes storage contexts to a peer, then sends instances one after the other.

    A context: it is released at the end of the block, and aborted where an error, or the end of
    who iterates, leaves it early.

    Parameters
    ----------
    peer
        from the register of peers
    contexts
        what is proposed, a transfer syntax each

    Raises
    ------
    PeerUnreachableError, PeerRefusedError
        On entering: there is no association.
    """

    def __init__(self, peer: Peer, contexts: Sequence[PresentationContext]) -> None:
        self._peer = peer
        self._proposed = {
            2 * index + 1: (str(context.abstract_syntax), str(context.transfer_syntax[0]))
            for index, context in enumerate(contexts)
        }
        self._socket: Any = None
        self._max_pdu_bytes = MAX_PDU_BYTES
        self._accepted: dict[str, dict[str, int]] = {}
        self.is_established = False

    def accepted(self, sop_class_uid: str) -> dict[str, int]:
        """Return the transfer syntaxes in which the peer takes a class, and their contexts."""
        return self._accepted.get(sop_class_uid, {})

    def __enter__(self) -> Self:
        try:
            self._connect()
            self._negotiate()
        except OSError as error:
            self._hang_up()
            raise self._unreachable(error) from error
        except BaseException:
            self._hang_up()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.abort()
        elif self.is_established:
            with contextlib.suppress(OSError):
                self._release()
        self._hang_up()

    def send(self, context_id: int, command: bytes, dataset: memoryview | BinaryIO) -> bool:
        """Send a request with its data set; False where the connection was lost.

        Parameters
        ----------
        context_id
            of `accepted`
        command
            the command set
        dataset
            in memory, or a file at the data set's first byte
        """
        try:
            head = wire.fragments(
                context_id, command, max_pdu_bytes=self._max_pdu_bytes, is_command=True
            )
            # In few large pieces: each one is a call of the system, and of TLS.
            pieces = list(head)
            for chunk, is_end in chunks_of(dataset):
                pieces += wire.fragments(
                    context_id,
                    chunk,
                    max_pdu_bytes=self._max_pdu_bytes,
                    is_command=False,
                    is_end=is_end,
                )
                self._say(b"".join(pieces))
                pieces.clear()
        except (OSError, ValueError):
            self.abort()
            return False
        return True

    def answer(self, message_id: int) -> tuple[int, str] | None:
        """Wait for a C-STORE's status and comment; None, and the end, where none comes."""
        try:
            values = wire.command_values(self._command())
        except (OSError, ValueError):
            values = {}
        kind, answered, status = (
            wire.as_number(values.get(name, b""))
            for name in (wire.COMMAND_FIELD, wire.RESPONDED_TO, wire.STATUS)
        )
        if kind != wire.C_STORE_RSP or answered != message_id or status is None:
            self.abort()
            return None
        return status, values.get(wire.ERROR_COMMENT, b"").decode("ascii", "replace").strip(" \0")

    def abort(self) -> None:
        """End the association at once."""
        if self.is_established:
            with contextlib.suppress(OSError):
                self._socket.settimeout(1)
                self._socket.sendall(wire.pdu(wire.ABORT, bytes(4)))
        self._hang_up()

    def _connect(self) -> None:
        address, name = listening_address(self._peer)
        self._socket = socket.create_connection((address, self._peer.port), CONNECT_TIMEOUT_S)
        # Requests are waited for: Nagle's algorithm costs 40 ms each.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._peer.uses_tls:
            context = client_context(self._peer)
            self._socket = context.wrap_socket(self._socket, server_hostname=name)

    def _negotiate(self) -> None:
        contexts = [(number, *pair) for number, pair in self._proposed.items()]
        self._say(
            wire.associate_request(
                called=self._peer.ae_title,
                calling=settings.TWINSIGHT_AE_TITLE,
                contexts=contexts,
                max_pdu_bytes=MAX_PDU_BYTES,
                implementation=_IMPLEMENTATION,
            )
        )
        kind, body = self._read_pdu(ACSE_TIMEOUT_S)
        if kind not in {wire.ASSOCIATE_AC, wire.ASSOCIATE_RJ}:
            raise OSError("no answer")
        try:
            answer: Any = A_ASSOCIATE_AC() if kind == wire.ASSOCIATE_AC else A_ASSOCIATE_RJ()
            answer.decode(wire.pdu(kind, body))
            said = answer.to_primitive()
            if kind == wire.ASSOCIATE_AC:
                self._note_accepted(said)
        except Exception as error:
            raise OSError("no answer that can be read") from error
        if kind == wire.ASSOCIATE_RJ:
            raise rejection(self._peer, said)
        self.is_established = True
        if not self._accepted:
            message = f"{place_of(self._peer)} takes nothing of what is proposed."
            raise PeerRefusedError(message)

    def _note_accepted(self, said: Any) -> None:
        self._max_pdu_bytes = min(
            int(said.maximum_length_received or 0) or CHUNK_BYTES, CHUNK_BYTES
        )
        for context in said.presentation_context_definition_results_list:
            proposed = self._proposed.get(int(context.context_id))
            if context.result == 0 and proposed is not None:
                sop_class_uid, syntax = proposed
                self._accepted.setdefault(sop_class_uid, {})[syntax] = int(context.context_id)

    def _release(self) -> None:
        self._say(wire.pdu(wire.RELEASE_RQ, bytes(4)))
        deadline = time.monotonic() + ACSE_TIMEOUT_S
        while time.monotonic() < deadline:
            kind, _ = self._read_pdu(ACSE_TIMEOUT_S)
            if kind != wire.P_DATA_TF:
                return

    def _command(self) -> bytes:
        command = b""
        while True:
            kind, body = self._read_pdu(DIMSE_TIMEOUT_S)
            if kind != wire.P_DATA_TF:
                raise OSError("the association was ended")
            for _, control, fragment in wire.data_values(body):
                command += fragment
                if len(command) > MAX_COMMAND_BYTES:
                    raise ValueError("a command set is too long")
                if wire.is_last_of_command(control):
                    return command

    def _say(self, data: bytes) -> None:
        self._socket.settimeout(DIMSE_TIMEOUT_S)
        self._socket.sendall(data)

    def _read_pdu(self, timeout_s: float) -> tuple[int, bytes]:
        """Read one PDU, however slowly it comes only so long; OSError where it doesn't."""
        deadline = time.monotonic() + timeout_s
        kind, _, length = struct.unpack(">BBL", self._read(wire.HEAD_BYTES, deadline))
        if length > MAX_ACCEPTED_PDU_BYTES:
            message = f"a PDU of {length} bytes is announced"
            raise OSError(message)
        return kind, self._read(length, deadline)

    def _read(self, count: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < count:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise OSError("no answer")
            data += piece
        return bytes(data)

    def _hang_up(self) -> None:
        self.is_established = False
        if self._socket is not None:
            self._socket.close()

    def _unreachable(self, error: OSError) -> PeerUnreachableError:
        reason = getattr(error, "verify_message", "") or getattr(error, "reason", "")
        why = reason or error.strerror or str(error)
        return PeerUnreachableError(f"{place_of(self._peer)} can't be reached: {why}.")

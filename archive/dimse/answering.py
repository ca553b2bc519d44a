"""Messages to the peer, written by the association's own thread wherever that can be."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA

from archive.dimse.transport import MAX_PDU_BYTES
from archive.forwarding import dimse_wire as wire
from archive.forwarding.dimse_chunks import chunks_of
from archive.forwarding.dimse_sending import discard_message

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

_TRANSFERRING = "Sta6"
_HEAR_S = 0.001
_HEAD_BYTES = 12  # of a P-DATA-TF with one value


def send_message(assoc: Any, context_id: int, command: bytes, dataset: bytes = b"") -> None:
    """Send a message whose data set, if it has one, is in memory."""
    pieces = list(_fragments(assoc, context_id, command, is_command=True))
    if dataset:
        pieces += _fragments(assoc, context_id, dataset, is_command=False)
    _send(assoc, pieces)


class PeersStorage:
    """The peer as storage SCP on its own association (C-GET), as `send_over` takes it."""

    def __init__(self, association: Any) -> None:
        self._association = association
        self._accepted: dict[str, dict[str, int]] = {}
        for context in association.accepted_contexts:
            if context.as_scu:
                syntaxes = self._accepted.setdefault(str(context.abstract_syntax), {})
                syntaxes[str(context.transfer_syntax[0])] = int(context.context_id)

    @property
    def is_established(self) -> bool:
        """Whether the association lasts."""
        return bool(self._association.is_established) and not self._association.acse.is_aborted()

    def accepted(self, sop_class_uid: str) -> dict[str, int]:
        """Return the transfer syntaxes in which the peer takes a class, and their contexts."""
        return self._accepted.get(sop_class_uid, {})

    def send(self, context_id: int, command: bytes, dataset: memoryview | BinaryIO) -> bool:
        """Send a request with its data set; False where the connection was lost."""
        assoc = self._association
        pieces = list(_fragments(assoc, context_id, command, is_command=True))
        try:
            for chunk, is_end in chunks_of(dataset):
                pieces += _fragments(assoc, context_id, chunk, is_command=False, is_end=is_end)
                _send(assoc, pieces)
                pieces.clear()
        except (OSError, queue.Full):
            assoc.abort()
            return False
        return True

    def answer(self, message_id: int) -> tuple[int, str] | None:
        """Wait for a C-STORE's status and comment; None, and the end, where none comes."""
        assoc = self._association
        _, answer = assoc.dimse.get_msg(block=True)
        if (
            isinstance(answer, C_STORE)
            and answer.is_valid_response
            and answer.MessageIDBeingRespondedTo == message_id
        ):
            return int(answer.Status or 0), str(answer.ErrorComment or "")
        discard_message(answer)
        assoc.abort()
        return None

    def abort(self) -> None:
        """End the association."""
        self._association.abort()


def _fragments(
    assoc: Any, context_id: int, data: bytes | memoryview, *, is_command: bool, is_end: bool = True
) -> Iterable[bytes | memoryview]:
    limit = min(int(assoc.dimse.maximum_pdu_size or MAX_PDU_BYTES), MAX_PDU_BYTES)
    return wire.fragments(
        context_id, data, max_pdu_bytes=limit, is_command=is_command, is_end=is_end
    )


def _send(assoc: Any, pieces: list[bytes | memoryview]) -> None:
    """Send PDUs: at once, or by the association's other thread where TLS needs that."""
    dul = assoc.dul
    if assoc.is_secure or dul.state_machine.current_state != _TRANSFERRING or dul.socket is None:
        for head, piece in zip(pieces[::2], pieces[1::2], strict=True):
            primitive = P_DATA()
            value = [head[_HEAD_BYTES - 2], bytes(head[_HEAD_BYTES - 1 : _HEAD_BYTES]) + piece]
            primitive.presentation_data_value_list.append(value)  # type: ignore[arg-type]
            dul.send_pdu(primitive)
        return
    if dul.socket.has_unread:
        # The peer says something, perhaps that it wants no more: let the other thread read it.
        time.sleep(_HEAR_S)
    dul.socket.send(b"".join(pieces))

"""P-DATA-TF PDUs from the socket to the messages, without objects and states in between.

In the transfer state such a PDU has one meaning (PS3.8 9.2, Evt10 and DT-2), and a CT slice comes
in five of them: going through pynetdicom's state machine for each costs more than writing it to
disk. All other PDUs, and all other states, go their usual way.
"""

from __future__ import annotations

import logging
import struct
from typing import TYPE_CHECKING, Any

from archive.dimse.waiting import WaitingDul

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.dimse.transport import BoundedSocket

logger = logging.getLogger(__name__)

_P_DATA_TF = 0x04
_TRANSFERRING = "Sta6"
_CONNECTION_CLOSED = "Evt17"
_INVALID_PDU = "Evt19"
_HEAD_BYTES = 6
# Between two looks at what else there is to do.
_PDUS_AT_ONCE = 16


class ReceivingDul(WaitingDul):
    """Hands data fragments on as they come."""

    def _read_pdu_data(self) -> None:
        """Read PDUs while there are some; P-DATA-TF directly, others as pynetdicom does."""
        untyped: Any = self.socket
        wire: BoundedSocket = untyped
        for _ in range(_PDUS_AT_ONCE):
            if self.state_machine.current_state != _TRANSFERRING:
                super()._read_pdu_data()
                return
            if not self._read_data(wire) or not self.event_queue.empty() or not wire.ready:
                return

    def _read_data(self, wire: BoundedSocket) -> bool:
        """Read one PDU; return whether the next one may be read like it."""
        try:
            head = wire.recv(_HEAD_BYTES)
            if len(head) == _HEAD_BYTES and head[0] != _P_DATA_TF:
                wire.unread(head)
                super()._read_pdu_data()
                return False
            length = struct.unpack_from(">L", head, 2)[0] if len(head) == _HEAD_BYTES else 1
            body = wire.recv(length) if len(head) == _HEAD_BYTES else b""
        except OSError:
            logger.warning("connection ended inside a PDU")
            self.event_queue.put(_CONNECTION_CLOSED)
            return False
        if len(body) != length:
            self.event_queue.put(_CONNECTION_CLOSED)
            return False
        try:
            # Read to their end before the first is taken: a PDU is valid as a whole or not.
            values = list(_values(memoryview(body)))
        except (struct.error, ValueError):
            logger.warning("invalid P-DATA-TF: the association is aborted")
            self.event_queue.put(_INVALID_PDU)
            return False
        self.assoc.dimse.receive_values(values)  # type: ignore[attr-defined]
        return True


def _values(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yield context, control header and fragment of each presentation data value (PS3.8 9.3.5)."""
    position = 0
    while position < len(body):
        (length,) = struct.unpack_from(">L", body, position)
        stop = position + 4 + length
        if length < 2 or stop > len(body):
            raise ValueError("a presentation data value does not fit its PDU")
        yield body[position + 4], body[position + 5], body[position + 6 : stop]
        position = stop

"""A connection that is read within bounds of size and time."""

from __future__ import annotations

import select
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

from pynetdicom.transport import AssociationSocket

if TYPE_CHECKING:
    import socket

# What a peer is told; dcmtk sends no more than 128 KiB a PDU whatever it is told.
MAX_PDU_BYTES = 128 * 1024
# What is taken: peers that ignore what they are told, and associations with many contexts.
MAX_ACCEPTED_PDU_BYTES = 1024 * 1024


class BoundedSocket(AssociationSocket):
    """Refuses PDUs of more than `MAX_ACCEPTED_PDU_BYTES`, and those that never end.

    pynetdicom's own socket believes any length up to 4 GiB and waits for its end for ever.
    ``head`` is what was read before the association began.
    """

    def __init__(self, assoc: Any, client_socket: socket.socket, *, head: bytes = b"") -> None:
        super().__init__(assoc, client_socket=client_socket)
        self._head = memoryview(head)
        self._sending = threading.Lock()
        self._poll = select.poll()
        self._poll.register(client_socket, select.POLLIN)

    @property
    def ready(self) -> bool:
        """Whether something can be read, also past the 1,024th open file."""
        if self.socket is None or self._is_connected is False:
            return False
        if self._head:
            return True
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        try:
            return bool(self._poll.poll(0))
        except OSError:
            self.event_queue.put("Evt17")
            return False

    @property
    def has_unread(self) -> bool:
        """Whether the peer said something that nobody read; for other threads than the reader's."""
        connection = self.socket
        if connection is None:
            return False
        # A poll object is one thread's.
        poll = select.poll()
        try:
            poll.register(connection, select.POLLIN)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            return False

    def send(self, bytestream: bytes) -> None:
        """Send the bytes in one piece; a peer that doesn't read them is given up."""
        connection = self.socket
        if connection is None:
            return
        try:
            # The association's two threads both send: PDUs are not to be mixed.
            with self._sending:
                connection.settimeout(float(self.assoc.network_timeout or 60))
                connection.sendall(bytestream)
        except (OSError, ValueError):
            self.event_queue.put("Evt17")

    def unread(self, data: bytes | bytearray) -> None:
        """Put bytes back that another reader is to read."""
        self._head = memoryview(bytes(data) + bytes(self._head))

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, or fewer where the peer hangs up.

        Raises OSError (which ends the connection) for too many bytes, or too slow ones.
        """
        if nr_bytes > MAX_ACCEPTED_PDU_BYTES:
            message = f"a PDU of {nr_bytes} bytes is announced"
            raise OSError(message)
        data = bytearray(nr_bytes)
        count = min(len(self._head), nr_bytes)
        data[:count] = self._head[:count]
        self._head = self._head[count:]
        view = memoryview(data)
        deadline = time.monotonic() + float(self.assoc.network_timeout or 60)
        while count < nr_bytes and self.socket is not None:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            received = self.socket.recv_into(view[count:])
            if not received:
                break
            count += received
        view.release()
        del data[count:]
        return data

"""Where connections wait until they have asked for an association.

A connection that says nothing costs a file descriptor here, not two threads: silent ones can't
use up the associations. When the lobby is full the oldest goes, so a peer that speaks is served.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Enter = Callable[[socket.socket, tuple[str, int], bytes], None]

logger = logging.getLogger(__name__)

MAX_WAITING = 256
# 128 contexts of 45 transfer syntaxes each are 170 KB.
MAX_REQUEST_BYTES = 256 * 1024
_TICK_S = 0.25
_ASSOCIATE_RQ = 0x01


@dataclass
class _Guest:
    connection: socket.socket
    address: tuple[str, int]
    since: float
    data: bytearray = field(default_factory=bytearray)


def _received(connection: socket.socket) -> bytes:
    """Take what has come; of TLS all that is decrypted, for which no selector would call again."""
    if not isinstance(connection, ssl.SSLSocket):
        return connection.recv(65536)
    if connection.version() is None or connection.cipher() is None:
        connection.do_handshake()
    data = connection.recv(65536)
    while connection.pending():
        data += connection.recv(65536)
    return data


class Lobby:
    """Accepts connections and hands on those that sent a whole A-ASSOCIATE-RQ."""

    def __init__(
        self,
        listener: socket.socket,
        enter: Enter,
        *,
        patience_s: float,
        max_waiting: int = MAX_WAITING,
        secure: ssl.SSLContext | None = None,
    ) -> None:
        self._listener = listener
        self._enter = enter
        self._patience_s = patience_s
        self._max_waiting = max_waiting
        self._secure = secure
        self._guests: dict[int, _Guest] = {}
        self._selector = selectors.DefaultSelector()
        self._is_open = True
        self._thread = threading.Thread(target=self._run, name="dimse-lobby", daemon=True)

    def open(self) -> None:
        """Begin to accept."""
        self._listener.settimeout(0)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """Accept no more, and hang up on who waits."""
        self._is_open = False
        self._thread.join()

    @property
    def waiting(self) -> int:
        """How many connections wait."""
        return len(self._guests)

    def _run(self) -> None:
        while self._is_open:
            for key, _ in self._selector.select(_TICK_S):
                if key.fileobj is self._listener:
                    self._accept()
                elif (guest := self._guests.get(key.fd)) is not None:
                    self._hear(guest)
            limit = time.monotonic() - self._patience_s
            for guest in [guest for guest in self._guests.values() if guest.since < limit]:
                self._dismiss(guest)
        for guest in list(self._guests.values()):
            self._dismiss(guest)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        try:
            connection, address = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:
            # Out of file descriptors, mostly: make room, or the same error comes at once again.
            logger.warning("a connection could not be accepted")
            self._dismiss_oldest()
            time.sleep(0.01)
            return
        connection.settimeout(0)
        # Answers are small and waited for: Nagle's algorithm costs 40 ms each.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._secure is not None:
            # The handshake is part of what is waited for.
            try:
                connection = self._secure.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            except OSError:  # gone already
                connection.close()
                return
        guest = _Guest(connection, (address[0], address[1]), time.monotonic())
        self._guests[connection.fileno()] = guest
        self._selector.register(connection, selectors.EVENT_READ)
        if len(self._guests) > self._max_waiting:
            self._dismiss_oldest()

    def _hear(self, guest: _Guest) -> None:
        """Read on; enter once the request is whole, hang up on anything else."""
        try:
            data = _received(guest.connection)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            data = b""
        guest.data += data
        if not data or not self._is_polite(guest):
            self._dismiss(guest)
            return
        if len(guest.data) >= 6:
            _, _, length = struct.unpack_from(">BBL", guest.data)
            if len(guest.data) >= 6 + length:
                self._let_in(guest)

    @staticmethod
    def _is_polite(guest: _Guest) -> bool:
        if guest.data[0] != _ASSOCIATE_RQ:
            return False
        if len(guest.data) < 6:
            return True
        _, _, length = struct.unpack_from(">BBL", guest.data)
        return bool(length <= MAX_REQUEST_BYTES)

    def _let_in(self, guest: _Guest) -> None:
        self._forget(guest)
        guest.connection.settimeout(None)
        try:
            self._enter(guest.connection, guest.address, bytes(guest.data))
        except Exception:
            logger.exception("association could not begin")
            guest.connection.close()

    def _dismiss_oldest(self) -> None:
        """Hang up on the oldest of the address that has the most connections here."""
        counts: dict[str, int] = {}
        for guest in self._guests.values():
            counts[guest.address[0]] = counts.get(guest.address[0], 0) + 1
        if counts:
            crowd = max(counts, key=lambda address: counts[address])
            self._dismiss(next(g for g in self._guests.values() if g.address[0] == crowd))

    def _dismiss(self, guest: _Guest) -> None:
        self._forget(guest)
        with contextlib.suppress(OSError):
            guest.connection.shutdown(socket.SHUT_RDWR)
        guest.connection.close()

    def _forget(self, guest: _Guest) -> None:
        self._guests.pop(guest.connection.fileno(), None)
        self._selector.unregister(guest.connection)

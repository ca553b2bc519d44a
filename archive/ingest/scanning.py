"""Files that come in, looked at by the site's virus scanner before anything of them is kept.

References
----------
clamd(8): INSTREAM and PING, each command and answer ended by a zero byte
"""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from archive.errors import InvalidInstanceError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK_BYTES = 256 * 1024
_CONNECT_S, _PING_S = 3.0, 3.0
_MOST_OF_ANSWER = 4096
_PORT = 3310
# Why the quarantine has a file in which something was found.
INFECTED = "infected"


@dataclass(frozen=True)
class Scanner:
    """A clamd at a socket of the file system (a path) or at ``host:port``."""

    place: str
    timeout_s: float

    def check(self) -> None:
        """Raise StorageError unless it answers."""
        with self._asked(min(self.timeout_s, _PING_S)) as channel:
            channel.sendall(b"zPING\0")
            if (answer := _answer(channel)) != "PONG":
                raise _unavailable(answer)

    def find(self, path: Path) -> InvalidInstanceError | None:
        """Return why a file is refused; None for one in which nothing was found.

        Parameters
        ----------
        path
            of the file, all of whose bytes are written

        Raises
        ------
        StorageError
            The scanner could not be asked: who sends should try again.
        """
        with self._asked(self.timeout_s) as channel:
            # One that has enough says why and hangs up.
            with suppress(BrokenPipeError, ConnectionResetError):
                _send(channel, path)
            answer = _answer(channel)
        return _verdict(answer)

    @contextmanager
    def _asked(self, timeout_s: float) -> Iterator[socket.socket]:
        try:
            with self._connected() as channel:
                channel.settimeout(timeout_s)
                yield channel
        except OSError as error:
            raise _unavailable(error.strerror or str(error)) from error

    def _connected(self) -> socket.socket:
        if not self.place.startswith("/"):
            host, port = address_of(self.place)
            return socket.create_connection((host, port), timeout=_CONNECT_S)
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(_CONNECT_S)
        try:
            channel.connect(self.place)
        except OSError:
            channel.close()
            raise
        return channel


def virus_scanner() -> Scanner | None:
    """Return the site's scanner; none where none is set."""
    place = str(settings.TWINSIGHT_CLAMD).removeprefix("unix:")
    return Scanner(place, float(settings.TWINSIGHT_CLAMD_TIMEOUT_S)) if place else None


def address_of(place: str) -> tuple[str, int]:
    """Split ``host:port``, ``[address]:port`` or a host alone.

    Raises
    ------
    ValueError
        The port is no number.
    """
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        return place.strip("[]"), _PORT
    return host.strip("[]"), int(port)


def _send(channel: socket.socket, path: Path) -> None:
    channel.sendall(b"zINSTREAM\0")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            channel.sendall(struct.pack("!L", len(chunk)) + chunk)
    channel.sendall(struct.pack("!L", 0))


def _answer(channel: socket.socket) -> str:
    """Read up to the zero byte that ends an answer."""
    told = b""
    while not told.endswith(b"\0") and len(told) < _MOST_OF_ANSWER:
        part = channel.recv(_MOST_OF_ANSWER)
        if not part:
            break
        told += part
    return told.rstrip(b"\0").decode("utf-8", "replace").strip()


def _verdict(answer: str) -> InvalidInstanceError | None:
    _, _, said = answer.partition(": ")
    if said == "OK":
        return None
    if said.endswith(" FOUND"):
        message = f"The virus scanner found {said.removesuffix(' FOUND')[:100]}."
        return InvalidInstanceError(message, code=INFECTED)
    if "size limit exceeded" in answer:
        message = "The file is larger than the virus scanner takes (StreamMaxLength of clamd)."
        return InvalidInstanceError(message, code="not-scanned")
    raise _unavailable(answer)


def _unavailable(why: str) -> StorageError:
    message = f"The virus scanner can't be asked ({why[:200] or 'no answer'}); try again."
    return StorageError(message, code="scanner-unavailable")

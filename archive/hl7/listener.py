"""MLLP: messages between two block characters, each answered before the next is read.

Every limit is small on purpose: a sender that is slow, silent or endless costs a thread for a
while and nothing else (HL7 v2.5.1 appendix C, MLLP release 1).
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

START, END = b"\x0b", b"\x1c\x0d"
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Limits:
    """What a sender may cost."""

    message_bytes: int = 4 * 1024 * 1024
    message_s: float = 30.0
    idle_s: float = 300.0
    connections: int = 32


class MllpListener:
    """Listen, and answer each message of admitted senders.

    Parameters
    ----------
    bind, port
        where to listen; port 0 takes any
    answer
        makes the acknowledgement of a message from an address
    senders
        addresses or networks that are admitted; nobody else is
    context
        for TLS; None for none
    limits
        what a sender may cost
    """

    def __init__(
        self,
        bind: str,
        port: int,
        answer: Callable[[bytes, str], bytes],
        *,
        senders: Sequence[str],
        context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._answer = answer
        self._context = context
        self._limits = limits or Limits()
        self._senders = [ipaddress.ip_network(name.strip(), strict=False) for name in senders]
        self._slots = threading.BoundedSemaphore(self._limits.connections)
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        self._socket = socket.create_server((bind, port), family=family, backlog=64)
        self._thread = threading.Thread(target=self._accept, name="hl7", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        """Stop: what is being answered is given a moment."""
        self._stopping.set()
        self._socket.close()
        self._thread.join(timeout=5)
        deadline = time.monotonic() + 5
        while self._open and time.monotonic() < deadline:
            time.sleep(0.05)
        for one in list(self._open):
            one.close()

    def _accept(self) -> None:
        self._socket.settimeout(0.5)
        while not self._stopping.is_set():
            try:
                peer, address = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            host = str(address[0])
            if not self._is_admitted(host) or not self._slots.acquire(blocking=False):
                logger.warning("HL7 sender not admitted, or too many at once")
                peer.close()
                continue
            self._open.add(peer)
            threading.Thread(target=self._serve, args=(peer, host), daemon=True).start()

    def _is_admitted(self, host: str) -> bool:
        address = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._senders)

    def _serve(self, peer: socket.socket, host: str) -> None:
        from django.db import close_old_connections, connections  # noqa: PLC0415 settings first

        stream = peer
        try:
            peer.settimeout(self._limits.message_s)
            if self._context is not None:
                stream = self._context.wrap_socket(peer, server_side=True)
            buffer = bytearray()
            while not self._stopping.is_set():
                content = self._next(stream, buffer)
                if content is None:
                    return
                close_old_connections()
                answer = self._answer(content, host)
                if answer:
                    stream.sendall(START + answer + END)
        except (OSError, ssl.SSLError):
            logger.info("HL7 connection ended")
        except Exception:
            logger.exception("HL7 connection failed")
        finally:
            connections.close_all()
            self._open.discard(peer)
            stream.close()
            self._slots.release()

    def _next(self, stream: socket.socket, buffer: bytearray) -> bytes | None:
        """Read a message; None where the sender is gone, silent, slow or endless."""
        limits, began = self._limits, time.monotonic()
        idle_until, looked = began + limits.idle_s, 0
        deadline = 0.0
        while not self._stopping.is_set():
            # What stands outside of blocks is nobody's message: line ends, signs of life.
            start = buffer.find(START)
            del buffer[: start if start >= 0 else len(buffer)]
            # Many senders leave out the line end behind the block's end, or send it later.
            end = buffer.find(END[:1], looked)
            if end >= 0:
                # A block that was never ended is none.
                content = bytes(buffer[:end]).rpartition(START)[2]
                del buffer[: end + 1]
                return content
            looked = len(buffer)
            if len(buffer) > limits.message_bytes:
                logger.warning("HL7 message is too large")
                return None
            now = time.monotonic()
            if buffer and not deadline:
                deadline = now + limits.message_s
            if now > (deadline or idle_until):
                return None
            stream.settimeout(min(1.0, limits.message_s))
            try:
                chunk = stream.recv(_CHUNK_BYTES)
            except TimeoutError:
                continue
            if not chunk:
                return None
            buffer += chunk
        return None

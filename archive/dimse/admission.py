"""Who may come in: the called title, the calling title and the address must all be known."""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.access import selectors as access
from archive.ingest.types import Origin

if TYPE_CHECKING:
    from archive.dimse.writers import Writers

logger = logging.getLogger(__name__)

MAX_ASSOCIATIONS_A_PEER = 64


@dataclass(frozen=True)
class Refusal:
    """An A-ASSOCIATE-RJ: result, source and reason (PS3.8 9.3.4), and why for the log."""

    answer: tuple[int, int, int]
    reason: str


CALLED_TITLE = Refusal((1, 1, 7), "called AE title not recognized")
CALLING_TITLE = Refusal((1, 1, 3), "calling AE title and address not registered")
TOO_MANY = Refusal((2, 3, 2), "too many associations of this peer")
CONGESTION = Refusal((2, 3, 1), "the register of peers can't be asked")


@dataclass(frozen=True)
class Admitted:
    """A peer that came in, or why not."""

    refusal: Refusal | None = None
    origin: Origin | None = None
    may_store: bool = False
    peer_key: int | None = None


class Admission:
    """Asks the register, fails closed, and counts who is in."""

    def __init__(
        self, ae_title: str, writers: Writers, *, limit: int = MAX_ASSOCIATIONS_A_PEER
    ) -> None:
        self._ae_title = ae_title
        self._writers = writers
        self._limit = limit
        self._inside: Counter[int] = Counter()
        self._lock = threading.Lock()

    def admit(self, *, called: str, calling: str, address: str) -> Admitted:
        """Say whether the peer may associate."""
        if called != self._ae_title:
            return Admitted(refusal=CALLED_TITLE)
        try:
            return self._look_up(calling, plain_address(address))
        except Exception:
            logger.exception("peer could not be looked up")
            return Admitted(refusal=CONGESTION)

    def leave(self, peer_key: int | None) -> None:
        """Count out a peer that was let in."""
        if peer_key is not None:
            with self._lock:
                self._inside[peer_key] -= 1

    def _look_up(self, calling: str, address: str) -> Admitted:
        peer = self._writers.call(lambda: access.find_peer(ae_title=calling, address=address))
        if peer is None:
            return Admitted(refusal=CALLING_TITLE)
        with self._lock:
            if self._inside[peer.pk] >= self._limit:
                return Admitted(refusal=TOO_MANY)
            self._inside[peer.pk] += 1
        origin = Origin(door="dimse", source=peer.ae_title, project=peer.project, address=address)
        return Admitted(origin=origin, may_store=peer.may_store, peer_key=peer.pk)


def plain_address(address: str) -> str:
    """Return an IPv4 address that came over an IPv6 socket as what it is."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)

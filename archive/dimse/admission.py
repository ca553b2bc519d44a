"""Who may come in: the called title, the calling title and the address must all be known."""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings

from archive.access import selectors as access
from archive.audit.associations import record_association_refused
from archive.audit.types import Asker
from archive.dimse.contexts import Rights
from archive.ingest.types import Origin

if TYPE_CHECKING:
    from archive.dimse.writers import Writers

logger = logging.getLogger(__name__)

MAX_ASSOCIATIONS_A_PEER = 64
# The same refusal is put on record again after so long, and so many are remembered.
NOTE_AGAIN_S = 60.0
MAX_NOTED = 1024


@dataclass(frozen=True)
class Refusal:
    """An A-ASSOCIATE-RJ: result, source and reason (PS3.8 9.3.4), and why for the log."""

    answer: tuple[int, int, int]
    reason: str


CALLED_TITLE = Refusal((1, 1, 7), "called AE title not recognized")
CALLING_TITLE = Refusal((1, 1, 3), "calling AE title and address not registered")
TOO_MANY = Refusal((2, 3, 2), "too many associations of this peer")
NOT_SECURE = Refusal((1, 1, 3), "the peer is registered to come by TLS")
CONGESTION = Refusal((2, 3, 1), "the register of peers can't be asked")


@dataclass(frozen=True)
class Admitted:
    """A peer that came in, or why not."""

    refusal: Refusal | None = None
    origin: Origin | None = None
    rights: Rights = field(default_factory=Rights)
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
        self._noted: dict[tuple[str, str, str], float] = {}
        self._lock = threading.Lock()

    def admit(
        self, *, called: str, calling: str, address: str, is_secure: bool = False
    ) -> Admitted:
        """Say whether the peer may associate; a refusal is audited.

        Parameters
        ----------
        called, calling
            AE titles of the request
        address
            where the connection comes from
        is_secure
            it came by TLS
        """
        source = plain_address(address)
        try:
            admitted = (
                self._look_up(calling, source, is_secure=is_secure)
                if called == self._ae_title
                else Admitted(refusal=CALLED_TITLE)
            )
            if admitted.refusal is not None:
                self._note(admitted.refusal, called, calling, source)
        except Exception:
            logger.exception("peer could not be looked up")
            return Admitted(refusal=CONGESTION)
        return admitted

    def leave(self, peer_key: int | None) -> None:
        """Count out a peer that was let in."""
        if peer_key is not None:
            with self._lock:
                self._inside[peer_key] -= 1

    def _look_up(self, calling: str, address: str, *, is_secure: bool) -> Admitted:
        peer = self._writers.call(lambda: access.find_peer(ae_title=calling, address=address))
        if peer is None:
            return Admitted(refusal=CALLING_TITLE)
        if peer.uses_tls and not is_secure and settings.TWINSIGHT_DICOM_TLS_PORT:
            return Admitted(refusal=NOT_SECURE)
        with self._lock:
            if self._inside[peer.pk] >= self._limit:
                return Admitted(refusal=TOO_MANY)
            self._inside[peer.pk] += 1
        origin = Origin(
            door="dimse",
            source=peer.ae_title,
            project=peer.project,
            address=address,
            account_id=peer.account_id,
        )
        rights = Rights(
            may_store=peer.may_store,
            may_query=peer.may_query,
            may_retrieve=peer.may_retrieve,
            preferred=tuple(peer.transfer_syntaxes),
        )
        return Admitted(origin=origin, rights=rights, peer_key=peer.pk)

    def _note(self, refusal: Refusal, called: str, calling: str, address: str) -> None:
        """Put a refusal on record; one that keeps coming, once in a while."""
        key = (refusal.reason, calling, address)
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(key, -NOTE_AGAIN_S) < NOTE_AGAIN_S:
                return
            if len(self._noted) >= MAX_NOTED:
                self._noted.clear()
            self._noted[key] = now
        asker = Asker(door="dimse", address=address, name=_printable(calling))
        self._writers.call(
            lambda: record_association_refused(
                asker, called=_printable(called), reason=refusal.reason
            )
        )


def plain_address(address: str) -> str:
    """Return an IPv4 address that came over an IPv6 socket as what it is."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def _printable(title: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in title)[:16]

"""Peers that listen: a pynetdicom SCP, and a small DICOMweb service."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from pynetdicom import (
    AE,
    ALL_TRANSFER_SYNTAXES,
    AllStoragePresentationContexts,
    evt,
)
from pynetdicom.sop_class import Verification

from archive.audit.types import Asker
from archive.models import Peer

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class ListeningPeer:
    """What an SCP was given, and what it answers."""

    port: int = 0
    received: list[str] = field(default_factory=list)
    status: int = 0
    refused: set[str] = field(default_factory=set)
    syntaxes: list[str] = field(default_factory=list)

    # Answers wait for this.
    hold: threading.Event = field(default_factory=threading.Event)
    is_asked: threading.Event = field(default_factory=threading.Event)

    def take(self, event: evt.Event) -> int:
        """Answer a C-STORE."""
        self.is_asked.set()
        self.hold.wait(60)
        uid = str(event.request.AffectedSOPInstanceUID)
        if self.status or uid in self.refused:
            return self.status or 0xA900
        self.received.append(uid)
        self.syntaxes.append(str(event.context.transfer_syntax))
        return 0


@pytest.fixture
def scp() -> Iterator[ListeningPeer]:
    listening = ListeningPeer()
    listening.hold.set()
    ae = AE(ae_title="PACS")
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
    ae.add_supported_context(Verification)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, listening.take)]
    )
    listening.port = server.socket.getsockname()[1]
    yield listening
    server.shutdown()


@pytest.fixture
def pacs(db, scp) -> Peer:
    """The SCP in the register of peers."""
    return Peer.objects.create(ae_title="PACS", address="127.0.0.1", port=scp.port)


@pytest.fixture
def admin(archive_admin) -> Asker:
    return Asker(door="portal", user=archive_admin)

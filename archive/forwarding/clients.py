"""Which client speaks a peer's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.forwarding import dicomweb_client, dimse_client
from archive.models import Peer

if TYPE_CHECKING:
    from archive.forwarding.types import PeerClient


def client_of(peer: Peer) -> PeerClient:
    """Return the functions by which the peer is spoken to.

    Parameters
    ----------
    peer
        from the register of peers
    """
    if peer.protocol == Peer.Protocol.DICOMWEB:
        return dicomweb_client
    return dimse_client

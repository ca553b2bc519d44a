"""Where a peer listens: its name resolved, and the address looked at before anything is sent.

Peers come from the administrators' table only. Even so a name may come to mean another machine
later: the address that is connected to is the one that was looked at, and neither this machine nor
its local link is reached unless the table names that very address.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from archive.errors import PeerRefusedError, PeerUnreachableError

if TYPE_CHECKING:
    from archive.models import Peer


def address_of(peer: Peer, host: str, port: int) -> str:
    """Resolve where a peer listens.

    Parameters
    ----------
    peer
        whose own address is allowed whatever it is
    host, port
        of the peer's entry

    Returns
    -------
    the address to connect to, as text

    Raises
    ------
    PeerUnreachableError
        The name is not known.
    PeerRefusedError
        It means an address that no peer has.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PeerUnreachableError(f"The name {host[:100]!r} is not known.") from error
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    allowed = [address for address in addresses if _is_possible(address, peer.address)]
    if not allowed:
        message = f"{host[:100]!r} means an address of this machine or its local link."
        raise PeerRefusedError(message, code="peer-address")
    return allowed[0]


def connect_to(peer: Peer, host: str, port: int, *, timeout_s: float) -> socket.socket:
    """Open a connection to where a peer listens; errors as of `address_of`, and OSError."""
    connection = socket.create_connection((address_of(peer, host, port), port), timeout_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _is_possible(text: str, own: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    if address == ipaddress.ip_address(own):
        return True
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    )

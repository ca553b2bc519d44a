"""Associations that the archive opens with registered peers, bounded in time and size."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
from typing import TYPE_CHECKING, Any

from django.conf import settings
from pynetdicom import AE, _config, evt
from pynetdicom.transport import AssociationSocket

from archive.errors import PeerRefusedError, PeerUnreachableError
from archive.forwarding.addresses import address_of
from archive.forwarding.dimse_receiving import ClientDimse
from archive.forwarding.dimse_tls import client_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

    from archive.errors import PeerError
    from archive.models import Peer

CONNECT_TIMEOUT_S = 10
ACSE_TIMEOUT_S = 10
# A peer that stores what it gets may take its time over each answer.
DIMSE_TIMEOUT_S = 60
MAX_PDU_BYTES = 128 * 1024
# Peers that ignore what they are told.
MAX_ACCEPTED_PDU_BYTES = 1024 * 1024
# PDUs that wait to be sent: the rest of a file is read when these have left.
MAX_QUEUED_PDUS = 16
# PS3.8 9.3.2.2: identifiers are the odd numbers of one byte.
MAX_CONTEXTS = 128

# Identifiers are patient data: they never reach a log.
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
_config.LOG_HANDLER_LEVEL = "none"


class PeerSocket(AssociationSocket):
    """A connection to a peer: it says why it failed, and neither reads nor waits without end."""

    error = ""

    def connect(self, primitive: Any) -> None:
        """Connect, with TLS where the peer has it."""
        connection: Any = self.socket
        try:
            connection.settimeout(CONNECT_TIMEOUT_S)
            # Requests are small and waited for: Nagle's algorithm costs 40 ms each.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(primitive.address_info.as_tuple)
            if self.tls_args:
                context, name = self.tls_args
                connection = self.socket = context.wrap_socket(connection, server_hostname=name)
            connection.settimeout(DIMSE_TIMEOUT_S)
        except OSError as error:
            self.error = getattr(error, "verify_message", "") or error.strerror or str(error)
            connection.close()
            self.socket = None
            primitive.result = "Evt17"
        else:
            self._is_connected = True
            evt.trigger(self.assoc, evt.EVT_CONN_OPEN, {"address": primitive.address_info.as_tuple})
            primitive.result = "Evt2"
        self.provider_queue.put(primitive)
        self._ready.set()

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes; raise OSError, which ends the connection, for too many."""
        if nr_bytes > MAX_ACCEPTED_PDU_BYTES:
            message = f"a PDU of {nr_bytes} bytes is announced"
            raise OSError(message)
        try:
            return super().recv(nr_bytes)
        except ssl.SSLError as error:
            # TLS 1.3 tells only now that our certificate is not welcome.
            self.error = str(error.reason or error)
            raise


class _BoundedQueue(queue.Queue[Any]):
    """Makes who sends wait for the network, so that a file is not read into memory first."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 as queue.Queue has it
        super().put(item, block, timeout or DIMSE_TIMEOUT_S)


class _PeerEntity(AE):
    def _create_socket(self, assoc: Any, address: Any, tls_args: Any) -> PeerSocket:
        made = PeerSocket(assoc, address=address)
        made.tls_args = tls_args
        assoc.dimse = ClientDimse(assoc)
        assoc.dul.to_provider_queue = _BoundedQueue(MAX_QUEUED_PDUS)
        return made


@contextlib.contextmanager
def associate(
    peer: Peer,
    contexts: Sequence[PresentationContext],
    *,
    negotiation: Sequence[Any] = (),
    handlers: Sequence[tuple[Any, Callable[..., Any]]] = (),
) -> Iterator[Association]:
    """Open an association with a peer, and end it in good order.

    Parameters
    ----------
    peer
        from the register of peers
    contexts
        what is proposed, at most `MAX_CONTEXTS`
    negotiation
        further items, as role selection
    handlers
        (event, function) for what the peer sends of its own

    Raises
    ------
    PeerUnreachableError
        It can't be reached, or doesn't answer.
    PeerRefusedError
        It rejects the association, or everything proposed.
    """
    entity = _PeerEntity(ae_title=settings.TWINSIGHT_AE_TITLE)
    entity.acse_timeout = ACSE_TIMEOUT_S
    entity.dimse_timeout = entity.network_timeout = DIMSE_TIMEOUT_S
    entity.connection_timeout = CONNECT_TIMEOUT_S
    address, name = listening_address(peer)
    association = entity.associate(
        address,
        int(peer.port or 0),
        contexts=list(contexts),
        ae_title=peer.ae_title,
        max_pdu=MAX_PDU_BYTES,
        ext_neg=list(negotiation),
        tls_args=(client_context(peer), name) if peer.uses_tls else None,
        evt_handlers=list(handlers),
    )
    try:
        if not association.is_established:
            raise _refusal(peer, association)
        yield association
        association.release()
    finally:
        if not association.is_released:
            association.abort()
        _hang_up(association)


def _hang_up(association: Any) -> None:
    """Close what pynetdicom leaves open where the other side was first."""
    association.dul.kill_dul()
    if association.dul.is_alive():
        association.dul.join(timeout=1)
    connection = association.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.close()
    if isinstance(association.dimse, ClientDimse):
        association.dimse.discard()


def listening_address(peer: Peer) -> tuple[str, str]:
    """Resolve the peer's host once: what was looked at is what is called; return also its name."""
    host = peer.host or peer.address
    if not peer.port:
        message = f"{peer.ae_title} has no port to be called at."
        raise PeerRefusedError(message, code="peer-without-port")
    return address_of(peer, host, peer.port), host


def place_of(peer: Peer) -> str:
    """Say which peer, and where it should listen."""
    return f"{peer.ae_title} at {peer.host or peer.address} port {peer.port}"


def rejection(peer: Peer, answer: Any) -> PeerError:
    """Say why a peer rejected an association (an A-ASSOCIATE-RJ's primitive)."""
    reason = str(answer.reason_str).rstrip(".")
    message = f"{place_of(peer)} rejects the association: {reason}."
    if answer.result == 2:  # transient
        return PeerUnreachableError(message, code="peer-busy")
    return PeerRefusedError(message)


def _refusal(peer: Peer, association: Any) -> PeerError:
    """Say in words why there is no association."""
    connection = association.dul.socket
    if association.is_rejected:
        return rejection(peer, association.acceptor.primitive)
    if association.acceptor.primitive is not None and association.rejected_contexts:
        return PeerRefusedError(f"{place_of(peer)} takes nothing of what is proposed.")
    error = connection.error if isinstance(connection, PeerSocket) else ""
    return PeerUnreachableError(f"{place_of(peer)} can't be reached: {error or 'no answer'}.")

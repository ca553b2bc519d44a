"""An association with a registered peer, from the first PDU to the last."""

from __future__ import annotations

import logging
import ssl
import time
from typing import TYPE_CHECKING, Any

from pynetdicom import evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.acse import ACSE
from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE, N_ACTION
from pynetdicom.transport import AddressInformation

from archive.dimse.commitment import serve_commitment
from archive.dimse.contexts import (
    COMMITMENT,
    GET_CLASSES,
    MOVE_CLASSES,
    QUERY_CLASSES,
    Rights,
    supported_contexts,
)
from archive.dimse.finding import NEGOTIABLE, serve_find
from archive.dimse.operations import Operation
from archive.dimse.reactor import PromptAssociation
from archive.dimse.receiving import ReceivingDul
from archive.dimse.retrieving import serve_get, serve_move
from archive.dimse.spooling import SpoolingDimse
from archive.dimse.statuses import OUT_OF_RESOURCES, UNABLE_TO_COUNT, query_status
from archive.dimse.storing import serve_store
from archive.dimse.transport import BoundedSocket
from archive.errors import ArchiveError
from archive.forwarding.dimse_sending import discard_message

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from archive.dimse.admission import Admission, Refusal
    from archive.dimse.sessions import Sessions
    from archive.ingest.types import Origin

logger = logging.getLogger(__name__)


class PeerAssociation(PromptAssociation):
    """An acceptor that asks whether the peer may come in, and leaves nothing behind."""

    def __init__(
        self,
        ae: Any,
        connection: socket.socket,
        remote: AddressInformation,
        *,
        head: bytes,
        admission: Admission,
        sessions: Sessions,
        on_end: Callable[[PeerAssociation], None],
    ) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.acse = GuardedAcse(self, admission)
        self.dimse = self._messages = SpoolingDimse(self)
        self.dul = ReceivingDul(self, self._messages.arrived.set)
        self.origin: Origin | None = None
        self.rights = Rights()
        self.sessions = sessions
        self.peer_key: int | None = None
        self.admitted_at = 0.0
        self.is_serving = False
        self.is_draining = False
        self._on_end = on_end
        # pynetdicom finds its acceptors by this name.
        self.name = f"AcceptorThread@{remote.address}:{remote.port}"
        self.set_socket(BoundedSocket(self, connection, head=head))
        self.acceptor.maximum_length = ae.maximum_pdu_size
        self.acceptor.ae_title = ae.ae_title
        self.acceptor.address_info = AddressInformation.from_tuple(connection.getsockname())
        self.acceptor.implementation_class_uid = ae.implementation_class_uid
        self.acceptor.implementation_version_name = ae.implementation_version_name
        self.requestor.address_info = remote
        self._connection = connection
        self.is_secure = isinstance(connection, ssl.SSLSocket)
        self.bind(evt.EVT_SOP_EXTENDED, _negotiate_extended)

    def run_reactor(self) -> None:
        """Serve until the peer is done; whatever happens, drop what is half received."""
        try:
            super().run_reactor()
        except Exception:
            logger.exception("association ended by an error")
        finally:
            self.dul.kill_dul()
            if self.dul.is_alive():
                self.dul.join(timeout=1)
            self._messages.discard()
            self._connection.close()
            self._on_end(self)

    @property
    def is_busy(self) -> bool:
        """Whether a request is being received or answered."""
        return self.is_serving or self._messages.is_receiving

    def _serve_request(self, msg: Any, context_id: int) -> None:
        """Serve what was negotiated, C-STORE also for private classes; abort on the rest."""
        self.is_serving = True
        try:
            if isinstance(msg, C_ECHO):
                super()._serve_request(msg, context_id)
            elif isinstance(msg, C_STORE) and self._is_accepted(msg, context_id):
                serve_store(self, msg, context_id)
            elif (serve := self._service(msg, context_id)) is not None:
                self._operate(serve, msg, context_id)
            else:
                logger.warning("unexpected DIMSE request; the association is aborted")
                discard_message(msg)
                self.abort()
        finally:
            self.is_serving = False
        if self.is_draining:
            self.abort()

    def _service(self, msg: Any, context_id: int) -> Callable[[Operation], None] | None:
        """Return what serves the request, where its context was accepted for that."""
        context = self._accepted_cx.get(context_id)
        found = _SERVICES.get(type(msg))
        if found is None or context is None or not msg.is_valid_request:
            return None
        classes, serve = found
        named = msg.RequestedSOPClassUID if isinstance(msg, N_ACTION) else msg.AffectedSOPClassUID
        return serve if context.abstract_syntax == named and named in classes else None

    def _operate(self, serve: Callable[[Operation], None], msg: Any, context_id: int) -> None:
        """Serve a request; whatever goes wrong is answered with a status."""
        operation = Operation(self, msg, self._accepted_cx[context_id])
        try:
            serve(operation)
        except Exception as error:
            if not isinstance(error, ArchiveError):
                logger.exception("DIMSE request failed")
            resources = UNABLE_TO_COUNT if isinstance(msg, C_GET | C_MOVE) else OUT_OF_RESOURCES
            status = query_status(error, out_of_resources=resources)
            comment = error.message if isinstance(error, ArchiveError) else ""
            operation.respond(status, comment=comment)
        finally:
            self.dimse.cancel_req.clear()

    def _is_accepted(self, msg: C_STORE, context_id: int) -> bool:
        context = self._accepted_cx.get(context_id)
        return bool(
            msg.is_valid_request
            and self.rights.may_store
            and context is not None
            and context.as_scp
            and context.abstract_syntax == msg.AffectedSOPClassUID
        )


_SERVICES: dict[type[Any], tuple[frozenset[str], Callable[[Operation], None]]] = {
    C_FIND: (QUERY_CLASSES, serve_find),
    C_GET: (GET_CLASSES, serve_get),
    C_MOVE: (MOVE_CLASSES, serve_move),
    N_ACTION: (frozenset({COMMITMENT}), serve_commitment),
}


def _negotiate_extended(event: Any) -> dict[Any, bytes]:
    """Say what of the proposed extensions of queries is served (PS3.4 C.5.1.1.1)."""
    return {
        uid: bytes(asked & served for asked, served in zip(info, NEGOTIABLE, strict=False))
        for uid, info in event.app_info.items()
        if uid in QUERY_CLASSES and info
    }


class GuardedAcse(ACSE):
    """Negotiates with registered peers only."""

    def __init__(self, assoc: PeerAssociation, admission: Admission) -> None:
        super().__init__(assoc)
        self._admission = admission

    def negotiate_association(self) -> None:
        """Refuse, or accept what the peer may do."""
        assoc: Any = self.assoc
        request = assoc.requestor.primitive
        admitted = self._admission.admit(
            called=request.called_ae_title.strip(),
            calling=request.calling_ae_title.strip(),
            address=assoc.requestor.address_info.address,
            is_secure=assoc.is_secure,
        )
        if admitted.refusal is not None:
            self._refuse(admitted.refusal)
            return
        assoc.origin = admitted.origin
        assoc.peer_key = admitted.peer_key
        assoc.rights = admitted.rights
        assoc.admitted_at = time.monotonic()
        assoc.acceptor.supported_contexts = supported_contexts(
            request.presentation_context_definition_list,
            admitted.rights,
            scp_roles={
                str(uid) for uid, role in assoc.requestor.role_selection.items() if role.scp_role
            },
        )
        super().negotiate_association()

    def _refuse(self, refusal: Refusal) -> None:
        logger.warning("association refused: %s", refusal.reason)
        self.send_reject(*refusal.answer)
        self.assoc.kill()

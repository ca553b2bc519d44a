"""An association with a registered peer, from the first PDU to the last."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.transport import AddressInformation

from archive.dimse.contexts import supported_contexts
from archive.dimse.spooling import SpoolingDimse
from archive.dimse.transport import BoundedSocket
from archive.dimse.waiting import WaitingDul

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from archive.dimse.admission import Admission, Refusal
    from archive.ingest.types import Origin

logger = logging.getLogger(__name__)


class PeerAssociation(Association):
    """An acceptor that asks whether the peer may come in, and leaves nothing behind."""

    def __init__(
        self,
        ae: Any,
        connection: socket.socket,
        remote: AddressInformation,
        *,
        head: bytes,
        admission: Admission,
        on_end: Callable[[PeerAssociation], None],
    ) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.acse = GuardedAcse(self, admission)
        self.dimse = self._messages = SpoolingDimse(self)
        self.dul = WaitingDul(self, self._messages.arrived.set)
        self.origin: Origin | None = None
        self.peer_key: int | None = None
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
        """Serve C-ECHO and C-STORE, the latter also for private classes; abort on the rest."""
        self.is_serving = True
        try:
            if isinstance(msg, C_ECHO):
                super()._serve_request(msg, context_id)
            elif isinstance(msg, C_STORE) and self._is_accepted(msg, context_id):
                StorageServiceClass(self).SCP(msg, self._accepted_cx[context_id])
            else:
                logger.warning("unexpected DIMSE request; the association is aborted")
                self.abort()
        finally:
            self.is_serving = False
        if self.is_draining:
            self.abort()

    def _is_accepted(self, msg: C_STORE, context_id: int) -> bool:
        context = self._accepted_cx.get(context_id)
        return (
            msg.is_valid_request
            and context is not None
            and context.abstract_syntax == msg.AffectedSOPClassUID
        )


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
        )
        if admitted.refusal is not None:
            self._refuse(admitted.refusal)
            return
        assoc.origin = admitted.origin
        assoc.peer_key = admitted.peer_key
        assoc.acceptor.supported_contexts = supported_contexts(
            request.presentation_context_definition_list, may_store=admitted.may_store
        )
        super().negotiate_association()

    def _refuse(self, refusal: Refusal) -> None:
        logger.warning("association refused: %s", refusal.reason)
        self.send_reject(*refusal.answer)
        self.assoc.kill()

"""The DICOM listener: storage, queries and retrievals for registered peers."""

from __future__ import annotations

import logging
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from pynetdicom import AE, _config, evt
from pynetdicom.transport import AddressInformation

from archive.dimse.admission import Admission
from archive.dimse.associations import PeerAssociation
from archive.dimse.handlers import handle_c_store
from archive.dimse.lobby import Lobby
from archive.dimse.sessions import Sessions
from archive.dimse.tls import server_context
from archive.dimse.transport import MAX_PDU_BYTES
from archive.dimse.writers import Writers

if TYPE_CHECKING:
    from typing import Self

logger = logging.getLogger(__name__)

ACSE_TIMEOUT_S = 5
NETWORK_TIMEOUT_S = 60
MAX_ASSOCIATIONS = 100
STOP_TIMEOUT_S = 10.0

# Identifiers are patient data: they never reach a log. The handlers that would format every
# message for a debug log cost more than receiving it.
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
_config.LOG_HANDLER_LEVEL = "none"


class Listener:
    """Listens on an address until it is stopped; a context stops it on leaving."""

    def __init__(
        self,
        *,
        ae_title: str,
        bind: str,
        port: int,
        acse_timeout_s: float = ACSE_TIMEOUT_S,
        network_timeout_s: float = NETWORK_TIMEOUT_S,
        secure_port: int | None = None,
    ) -> None:
        self._secure_port = 0
        self._ae = AE(ae_title=ae_title)
        self._ae.maximum_pdu_size = MAX_PDU_BYTES
        self._ae.maximum_associations = MAX_ASSOCIATIONS
        self._ae.acse_timeout = acse_timeout_s
        self._ae.dimse_timeout = network_timeout_s
        self._ae.network_timeout = network_timeout_s
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        context = server_context() if secure_port is not None else None
        self._socket = socket.create_server((bind, port), family=family, backlog=256)
        self._writers = Writers()
        self._sessions = Sessions()
        self._admission = Admission(ae_title, self._writers)
        self._lobby = Lobby(self._socket, self._enter, patience_s=acse_timeout_s)
        self._lobbies = [self._lobby]
        if secure_port is not None:
            secure = socket.create_server((bind, secure_port), family=family, backlog=256)
            self._secure_port = secure.getsockname()[1]
            self._lobbies.append(
                Lobby(secure, self._enter, patience_s=acse_timeout_s, secure=context)
            )
        self._associations: set[PeerAssociation] = set()
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Port that is listened on."""
        return int(self._port)

    @property
    def secure_port(self) -> int:
        """Port that is listened on with TLS; 0 for none."""
        return int(self._secure_port)

    def start(self) -> Self:
        """Begin to accept associations."""
        self._port = self._socket.getsockname()[1]
        for lobby in self._lobbies:
            lobby.open()
        return self

    def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Accept no more, let requests under way be answered, then end every association."""
        for lobby in self._lobbies:
            lobby.close()
        deadline = time.monotonic() + timeout_s
        for association in self.associations:
            association.is_draining = True
            if not association.is_busy:
                association.abort(block=False)
        while self.associations and time.monotonic() < deadline:
            time.sleep(0.02)
        for association in self.associations:
            association.abort()
        self._writers.close()
        self._sessions.close()

    @property
    def associations(self) -> list[PeerAssociation]:
        """Associations that are not over."""
        with self._lock:
            return list(self._associations)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _enter(self, connection: socket.socket, address: tuple[str, int], head: bytes) -> None:
        """Begin an association with who sent a whole request."""
        if len(self.associations) >= 2 * MAX_ASSOCIATIONS:
            # Past the point where a polite refusal is worth two threads.
            connection.close()
            return
        association = PeerAssociation(
            self._ae,
            connection,
            AddressInformation(*address),
            head=head,
            admission=self._admission,
            sessions=self._sessions,
            on_end=self._leave,
        )
        association.bind(evt.EVT_C_STORE, partial(handle_c_store, writers=self._writers))
        with self._lock:
            self._associations.add(association)
        association.start()

    def _leave(self, association: PeerAssociation) -> None:
        self._admission.leave(association.peer_key)
        with self._lock:
            self._associations.discard(association)

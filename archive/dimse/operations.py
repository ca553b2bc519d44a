"""A request and its answers: what C-FIND, C-GET, C-MOVE and N-ACTION have in common."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE, N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu_primitives import A_RELEASE

from archive.access import selectors as access
from archive.audit.types import Asker
from archive.dicom.structure import StructureScan
from archive.dicom.transfer_syntaxes import layout_of
from archive.dimse.answering import send_message
from archive.dimse.encoding import texts_as_written
from archive.errors import ArchiveError, InvalidRequestError, NotAllowedError
from archive.forwarding import dimse_wire as wire
from archive.forwarding.dimse_sending import discard_message

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from django.contrib.auth.models import User
    from pydicom.dataset import Dataset

    from archive.dimse.sessions import Sessions
    from archive.models import Peer

logger = logging.getLogger(__name__)

PENDING = 0xFF00
_RESPONSES = {C_FIND: 0x8020, C_GET: 0x8010, C_MOVE: 0x8021, N_ACTION: 0x8130}
MAX_COUNT = 0xFFFF  # of a US value
MAX_COMMENT = 64  # of an LO value


@dataclass
class SubOperations:
    """What became of the C-STORE operations of a retrieval (PS3.7 9.1.3, 9.1.4)."""

    remaining: int
    completed: int = 0
    failed: int = 0
    warning: int = 0
    failed_uids: list[str] = field(default_factory=list)

    def note(self, sop_instance_uid: str, *, is_sent: bool, has_warning: bool) -> None:
        """Count one that is over."""
        self.remaining -= 1
        if has_warning:
            self.warning += 1
        elif is_sent:
            self.completed += 1
        else:
            self.failed += 1
            self.failed_uids.append(sop_instance_uid)


class Operation:
    """A request of a peer on an association, with what is needed to answer it."""

    def __init__(self, association: Any, request: Any, context: Any) -> None:
        self.association = association
        self.request = request
        self.sop_class_uid = str(context.abstract_syntax)
        self._context_id = int(context.context_id)
        self._syntax = context.transfer_syntax[0]

    def database(self) -> AbstractContextManager[None]:
        """Ask the database within the block, with one of the listener's connections."""
        sessions: Sessions = self.association.sessions
        return sessions.session()

    def peer(self) -> Peer:
        """Return the peer as it is registered now.

        Raises
        ------
        NotAllowedError
            It was taken out of the register while the association lasted.
        """
        peer = access.peer_by_key(self.association.peer_key)
        if peer is None:
            raise NotAllowedError("The peer is no longer registered.")
        return peer

    def asker(self, peer: Peer) -> Asker:
        """Who asks, for the audit trail."""
        origin = self.association.origin
        return Asker(door="dimse", user=peer.account, address=origin.address, name=peer.ae_title)

    @property
    def is_alive(self) -> bool:
        """Whether somebody still waits for the answer."""
        return bool(self.association.is_established) and not self.association.acse.is_aborted()

    @property
    def is_cancelled(self) -> bool:
        """Whether the peer sent a C-CANCEL for this request."""
        return self.request.MessageID in self.association.dimse.cancel_req

    def dataset(self, content: BytesIO | None) -> Dataset:
        """Decode the request's data set.

        Raises
        ------
        InvalidRequestError
            There is none, or it can't be read.
        """
        if content is None or not content.getbuffer().nbytes:
            raise InvalidRequestError("The request came without a data set.")
        is_implicit, is_little = self._syntax.is_implicit_VR, self._syntax.is_little_endian
        data = content.getvalue()
        try:
            # pydicom believes lengths and follows nesting without end.
            scan = StructureScan(data, len(data))
            deque(scan.top_level(0, layout_of(is_implicit=is_implicit, is_little=is_little)), 0)
            return decode(content, is_implicit, is_little)
        except (Exception, RecursionError) as error:
            raise InvalidRequestError("The request's data set can't be read.") from error

    def respond(
        self,
        status: int,
        *,
        identifier: Dataset | None = None,
        counts: SubOperations | None = None,
        comment: str = "",
    ) -> None:
        """Send one answer."""
        dataset = b"" if identifier is None else self._encoded(identifier)
        instance: list[tuple[int, bytes]] = []
        if isinstance(self.request, N_ACTION):
            uid = str(self.request.RequestedSOPInstanceUID)
            action = int(self.request.ActionTypeID or 0)
            instance = [
                (wire.SOP_INSTANCE_UID, wire.uid(uid)),
                (wire.ACTION_TYPE, wire.number(action)),
            ]
        command = wire.command_set(
            (wire.SOP_CLASS_UID, wire.uid(self.sop_class_uid)),
            (wire.COMMAND_FIELD, wire.number(_RESPONSES[type(self.request)])),
            (wire.RESPONDED_TO, wire.number(int(self.request.MessageID))),
            (wire.DATASET_TYPE, wire.number(wire.WITH_DATASET if dataset else wire.NO_DATASET)),
            (wire.STATUS, wire.number(status)),
            *([(wire.ERROR_COMMENT, wire.text(comment[:MAX_COMMENT]))] if comment else []),
            *instance,
            *_counted(counts, is_over=status == 0 or status >> 8 in {0xB0, 0xA7}),
        )
        send_message(self.association, self._context_id, command, dataset)

    def report_event(self, information: Dataset, sop_instance_uid: str, *, event_type: int) -> bool:
        """Send an N-EVENT-REPORT on the same association; return whether the peer took it.

        A peer that wants to release the association instead is let go.
        """
        message: Any = N_EVENT_REPORT()
        message.MessageID = int(self.request.MessageID) % 65535 + 1
        message.AffectedSOPClassUID = self.sop_class_uid
        message.AffectedSOPInstanceUID = sop_instance_uid
        message.EventTypeID = event_type
        message.EventInformation = BytesIO(self._encoded(information))
        self.association.dimse.send_msg(message, self._context_id)
        deadline = time.monotonic() + float(self.association.dimse_timeout or 60)
        while self.is_alive and time.monotonic() < deadline:
            if isinstance(self.association.dul.peek_next_pdu(), A_RELEASE):
                return False
            _, answer = self.association.dimse.get_msg(block=False)
            if isinstance(answer, N_EVENT_REPORT) and answer.MessageIDBeingRespondedTo:
                return bool(answer.Status == 0)
            if answer is not None:
                discard_message(answer)
                self.association.abort()
        return False

    def _encoded(self, ds: Dataset) -> bytes:
        is_implicit, is_little = self._syntax.is_implicit_VR, self._syntax.is_little_endian
        if is_little and not self._syntax.is_deflated:
            written = texts_as_written(ds, is_implicit=is_implicit)
            if written is not None:
                return written
        encoded = encode(ds, is_implicit, is_little)
        if encoded is None:
            raise ArchiveError("An answer can't be written.")
        return encoded


def account_of(peer: Peer) -> User | AnonymousUser:
    """Return with whose rights the peer asks; without an account it sees nothing."""
    return peer.account or AnonymousUser()


def _counted(counts: SubOperations | None, *, is_over: bool) -> list[tuple[int, bytes]]:
    """Write numbers of sub-operations (PS3.7 tables 9.3-7 and 9.3-10)."""
    if counts is None:
        return []
    told = [] if is_over else [(wire.REMAINING, counts.remaining)]
    told += [
        (wire.COMPLETED, counts.completed),
        (wire.FAILED, counts.failed),
        (wire.WARNING, counts.warning),
    ]
    return [(element, wire.number(min(count, MAX_COUNT))) for element, count in told]

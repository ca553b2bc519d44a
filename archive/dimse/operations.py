"""A request and its answers: what C-FIND, C-GET, C-MOVE and N-ACTION have in common."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu_primitives import A_RELEASE

from archive.access import selectors as access
from archive.audit.types import Asker
from archive.dicom.structure import StructureScan
from archive.dicom.transfer_syntaxes import layout_of
from archive.errors import ArchiveError, InvalidRequestError, NotAllowedError
from archive.forwarding.dimse_sending import discard_message

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from django.contrib.auth.models import User
    from pydicom.dataset import Dataset

    from archive.dimse.sessions import Sessions
    from archive.models import Peer

logger = logging.getLogger(__name__)

PENDING = 0xFF00
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
        answer: Any = type(self.request)()
        answer.MessageIDBeingRespondedTo = self.request.MessageID
        answer.AffectedSOPClassUID = self.sop_class_uid
        if isinstance(answer, N_ACTION):
            answer.AffectedSOPInstanceUID = self.request.RequestedSOPInstanceUID
            answer.ActionTypeID = self.request.ActionTypeID
        answer.Status = status
        if comment:
            answer.ErrorComment = comment[:MAX_COMMENT].encode("ascii", "replace").decode()
        if identifier is not None:
            answer.Identifier = BytesIO(self._encoded(identifier))
        if counts is not None:
            _set_counts(answer, counts, is_over=status == 0 or status >> 8 in {0xB0, 0xA7})
        self.association.dimse.send_msg(answer, self._context_id)

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
        encoded = encode(ds, self._syntax.is_implicit_VR, self._syntax.is_little_endian)
        if encoded is None:
            raise ArchiveError("An answer can't be written.")
        return encoded


def account_of(peer: Peer) -> User | AnonymousUser:
    """Return with whose rights the peer asks; without an account it sees nothing."""
    return peer.account or AnonymousUser()


def _set_counts(answer: Any, counts: SubOperations, *, is_over: bool) -> None:
    if not is_over:
        answer.NumberOfRemainingSuboperations = min(counts.remaining, MAX_COUNT)
    answer.NumberOfCompletedSuboperations = min(counts.completed, MAX_COUNT)
    answer.NumberOfFailedSuboperations = min(counts.failed, MAX_COUNT)
    answer.NumberOfWarningSuboperations = min(counts.warning, MAX_COUNT)

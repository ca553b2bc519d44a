"""Instances on their way to a peer: C-STORE, in a transfer syntax that it accepts."""

from __future__ import annotations

import contextlib
import queue
import time
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import build_context

from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from archive.errors import (
    ArchiveError,
    NotAcceptableError,
    PeerError,
    PeerUnreachableError,
    PixelDecodingError,
)
from archive.forwarding.dimse_association import MAX_CONTEXTS, associate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

    from archive.models import Peer

MEDIUM_PRIORITY = 0
_WARNINGS = frozenset({0xB000, 0xB006, 0xB007})
# PS3.4 B.2.3, PS3.7 C.5
_STATUS_TEXTS = {
    0x0110: "processing failure",
    0x0111: "duplicate SOP instance",
    0x0117: "invalid SOP instance",
    0x0122: "SOP class not supported",
    0x0124: "not authorized",
    0xA7: "out of resources",
    0xA9: "data set does not match SOP class",
}


@dataclass(frozen=True)
class Encoded:
    """A Part 10 file, on disk or in memory, and where its data set begins."""

    transfer_syntax_uid: str
    content: Path | bytes
    dataset_offset: int


class Sendable(Protocol):
    """An instance that can be sent."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str  # in which it is stored

    def encoded(self, accepted: Sequence[str]) -> Encoded:
        """Return the instance in one of the accepted transfer syntaxes.

        Called when its turn has come, so that one at a time is held.

        Raises
        ------
        ArchiveError
            It can't be had, or can't be made in any of them.
        """
        ...


@dataclass(frozen=True)
class StoreOutcome:
    """What became of one instance."""

    sop_class_uid: str
    sop_instance_uid: str
    status: int | None = None
    message: str = ""
    is_retriable: bool = False

    @property
    def is_sent(self) -> bool:
        """Whether the peer has it."""
        return self.status == 0 or self.status in _WARNINGS

    @property
    def has_warning(self) -> bool:
        """Whether the peer changed something about it."""
        return self.status in _WARNINGS


@dataclass(frozen=True)
class MoveOriginator:
    """Who asked for the instances by C-MOVE, and in which message."""

    ae_title: str
    message_id: int


def send_files(
    peer: Peer, files: Sequence[Sendable], *, originator: MoveOriginator | None = None
) -> Iterator[StoreOutcome]:
    """Send instances to a peer; each outcome comes as soon as the peer has answered.

    An association that is lost leaves the rest to be sent again. Closing the iterator early ends
    the association.

    Parameters
    ----------
    peer
        from the register; the transfer syntaxes of its entry are offered, else each instance's own
    files
        whose rights were checked by the caller
    originator
        of a C-MOVE

    Raises
    ------
    PeerUnreachableError, PeerRefusedError
        There was no association, before the first outcome.
    """
    waiting = list(files)
    is_first = True
    while waiting:
        contexts, count = _proposal(peer, waiting)
        batch, waiting = waiting[:count], waiting[count:]
        try:
            yield from _send_batch(peer, batch, contexts, originator)
        except PeerError as error:
            if is_first:
                raise
            yield from (_failed(file, error) for file in batch)
        is_first = False


def _send_batch(
    peer: Peer,
    batch: Sequence[Sendable],
    contexts: Sequence[PresentationContext],
    originator: MoveOriginator | None,
) -> Iterator[StoreOutcome]:
    with associate(peer, contexts) as association:
        for number, file in enumerate(batch):
            yield store_on(
                association,
                file,
                message_id=number % 65535 + 1,
                originator=originator,
                preferred=peer.transfer_syntaxes,
            )


def store_on(
    association: Association,
    file: Sendable,
    *,
    message_id: int,
    originator: MoveOriginator | None = None,
    preferred: Sequence[str] = (),
) -> StoreOutcome:
    """Send one instance on an association and wait for the answer.

    Parameters
    ----------
    association
        established, with the peer as storage SCP
    file
        the instance
    message_id
        not in use on the association
    originator
        of a C-MOVE
    preferred
        transfer syntaxes that the peer likes best
    """
    contexts = _accepted(association, file)
    if not association.is_established:
        return _failed(file, PeerUnreachableError("The association was lost."))
    if not contexts:
        message = "The peer takes no instances of this SOP class."
        return StoreOutcome(file.sop_class_uid, file.sop_instance_uid, 0x0122, message)
    try:
        encoded = _encoded(file, list(contexts), preferred)
    except ArchiveError as error:
        return _failed(file, error)
    request = _request(file, message_id, originator)
    _attach(request, encoded)
    answer = _exchange(association, request, contexts[encoded.transfer_syntax_uid])
    if not isinstance(answer, C_STORE) or not answer.is_valid_response:
        discard_message(answer)
        association.abort()
        return _failed(file, PeerUnreachableError("The peer did not answer."))
    return _outcome(file, int(answer.Status or 0), str(answer.ErrorComment or ""))


def _encoded(file: Sendable, accepted: Sequence[str], preferred: Sequence[str]) -> Encoded:
    """Encode as the peer likes best, where that can be done, else as it takes at all."""
    liked = [syntax for syntax in preferred if syntax in accepted]
    if liked:
        with contextlib.suppress(NotAcceptableError, PixelDecodingError):
            return file.encoded(liked[:1])
    return file.encoded(accepted)


def _accepted(association: Association, file: Sendable) -> dict[str, int]:
    """Transfer syntaxes and their contexts, the stored one first."""
    found = {
        str(context.transfer_syntax[0]): int(context.context_id or 0)
        for context in association.accepted_contexts
        if context.abstract_syntax == file.sop_class_uid and context.as_scu
    }
    own = file.transfer_syntax_uid
    return {own: found[own], **found} if own in found else found


def _request(file: Sendable, message_id: int, originator: MoveOriginator | None) -> C_STORE:
    request = C_STORE()
    request.MessageID = message_id
    request.AffectedSOPClassUID = file.sop_class_uid
    request.AffectedSOPInstanceUID = file.sop_instance_uid
    request.Priority = MEDIUM_PRIORITY
    if originator is not None:
        request.MoveOriginatorApplicationEntityTitle = originator.ae_title
        request.MoveOriginatorMessageID = originator.message_id
    return request


def _attach(request: C_STORE, encoded: Encoded) -> None:
    """Hang the data set, without what stands in front of it, on the request."""
    if isinstance(encoded.content, bytes):
        request.DataSet = BytesIO(encoded.content[encoded.dataset_offset :])
    else:
        # As pynetdicom's chunked mode does: read while it is sent.
        request._dataset_path = (encoded.content, encoded.dataset_offset)  # noqa: SLF001


def discard_message(message: Any) -> None:
    """Close the spool file of a message that nobody wants."""
    received = getattr(message, "_dataset_file", None)
    if received is not None:
        received.close()


def _exchange(association: Association, request: Any, context_id: int) -> Any:
    """Send a request and return the answer, or None where none comes."""
    if association.is_acceptor:
        # Called from the association's own loop, which therefore takes no message away.
        association.dimse.send_msg(request, context_id)
        return association.dimse.get_msg(block=True)[1]
    association._reactor_checkpoint.clear()  # noqa: SLF001 as pynetdicom's own requests do
    while not association._is_paused:  # noqa: SLF001 as above
        time.sleep(0.0001)
    try:
        association.dimse.send_msg(request, context_id)
        return association.dimse.get_msg(block=True)[1]
    except queue.Full:
        return None  # the peer reads no more
    finally:
        association._reactor_checkpoint.set()  # noqa: SLF001 as above


def _outcome(file: Sendable, status: int, comment: str) -> StoreOutcome:
    text = _STATUS_TEXTS.get(status) or _STATUS_TEXTS.get(status >> 8, "")
    if not text and status >> 12 == 0xC:
        text = "cannot understand"
    message = ""
    if status:
        message = f"The peer answers {status:04X}H {text or comment[:64]}".strip() + "."
    is_retriable = status >> 8 == 0xA7 or status == 0x0110
    return StoreOutcome(
        file.sop_class_uid, file.sop_instance_uid, status, message, is_retriable=is_retriable
    )


def _failed(file: Sendable, error: ArchiveError) -> StoreOutcome:
    return StoreOutcome(
        file.sop_class_uid,
        file.sop_instance_uid,
        None,
        error.message,
        is_retriable=error.retriable,
    )


def _proposal(peer: Peer, files: Sequence[Sendable]) -> tuple[list[PresentationContext], int]:
    """Propose a context for each class and syntax; return also for how many files they do."""
    wanted: dict[tuple[str, str], PresentationContext] = {}
    for count, file in enumerate(files):
        uid = file.sop_class_uid
        own = [file.transfer_syntax_uid]
        offered = [syntax for syntax in peer.transfer_syntaxes if syntax not in _PLAIN] or own
        offered = [syntax for syntax in offered if syntax not in _PLAIN]
        new = {
            (uid, syntax): build_context(uid, syntax)
            for syntax in (*offered, *_PLAIN)
            if (uid, syntax) not in wanted
        }
        if len(wanted) + len(new) > MAX_CONTEXTS:
            return list(wanted.values()), count
        wanted |= new
    return list(wanted.values()), len(files)


_PLAIN = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)

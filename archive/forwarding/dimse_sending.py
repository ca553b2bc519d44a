"""Instances on their way to a peer: C-STORE, in a transfer syntax that it accepts."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pynetdicom.presentation import build_context

from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from archive.errors import (
    ArchiveError,
    NotAcceptableError,
    PeerError,
    PeerUnreachableError,
    PixelDecodingError,
)
from archive.forwarding import dimse_wire as wire
from archive.forwarding.dimse_association import MAX_CONTEXTS
from archive.forwarding.dimse_storing import StoreAssociation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

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


class Storing(Protocol):
    """An association on which the peer stores what it is sent."""

    @property
    def is_established(self) -> bool:
        """Whether it lasts."""
        ...

    def accepted(self, sop_class_uid: str) -> dict[str, int]:
        """Return the transfer syntaxes in which the peer takes a class, and their contexts."""
        ...

    def send(self, context_id: int, command: bytes, dataset: memoryview | BinaryIO) -> bool:
        """Send a request with its data set; False where the connection was lost."""
        ...

    def answer(self, message_id: int) -> tuple[int, str] | None:
        """Wait for a C-STORE's status and comment; None, and the end, where none comes."""
        ...

    def abort(self) -> None:
        """End it."""
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
    with StoreAssociation(peer, contexts) as association:
        yield from send_over(
            association, batch, originator=originator, preferred=peer.transfer_syntaxes
        )


def send_over(
    association: Storing,
    files: Sequence[Sendable],
    *,
    used_ids: int = 0,
    originator: MoveOriginator | None = None,
    preferred: Sequence[str] = (),
) -> Iterator[StoreOutcome]:
    """Send instances on an association and give each outcome.

    While the peer is at work on one instance the next is prepared; one at a time is held.

    Parameters
    ----------
    association
        established, with the peer as storage SCP
    files
        the instances
    used_ids
        message numbers up to this one are in use on the association
    originator
        of a C-MOVE
    preferred
        transfer syntaxes that the peer likes best
    """
    following = _prepared(association, files[0], preferred) if files else None
    for index, file in enumerate(files):
        ready, following = following, None
        message_id = (used_ids + index) % 65535 + 1
        is_under_way = isinstance(ready, _Ready) and _begin(
            association, ready, _command(file, message_id, originator)
        )
        outcome = ready if isinstance(ready, StoreOutcome) else None
        ready = None
        if index + 1 < len(files):
            following = _prepared(association, files[index + 1], preferred)
        if outcome is None:
            outcome = _outcome(file, association.answer(message_id) if is_under_way else None)
        yield outcome


@dataclass(frozen=True)
class _Ready:
    """An instance whose bytes are at hand, and the presentation context that takes them."""

    context_id: int
    encoded: Encoded


def _prepared(
    association: Storing, file: Sendable, preferred: Sequence[str]
) -> _Ready | StoreOutcome:
    """Encode an instance for the peer; where that can't be, say how it ends."""
    if not association.is_established:
        return _failed(file, PeerUnreachableError("The association was lost."))
    contexts = _own_first(association.accepted(file.sop_class_uid), file)
    if not contexts:
        return _not_taken(file)
    try:
        encoded = _encoded(file, list(contexts), preferred)
    except ArchiveError as error:
        return _failed(file, error)
    return _Ready(contexts[encoded.transfer_syntax_uid], encoded)


def _begin(association: Storing, ready: _Ready, command: bytes) -> bool:
    """Send a request; False where the association is over."""
    if not association.is_established:
        return False
    content, offset = ready.encoded.content, ready.encoded.dataset_offset
    if isinstance(content, bytes):
        return association.send(ready.context_id, command, memoryview(content)[offset:])
    try:
        with content.open("rb") as file:
            file.seek(offset)
            return association.send(ready.context_id, command, file)
    except OSError:
        # Looked at a moment ago, and gone.
        association.abort()
        return False


def _command(file: Sendable, message_id: int, originator: MoveOriginator | None) -> bytes:
    """Write the command set of a C-STORE-RQ (PS3.7 table 9.3-1)."""
    moved = (
        ()
        if originator is None
        else (
            (wire.ORIGINATOR_TITLE, wire.text(originator.ae_title)),
            (wire.ORIGINATOR_MESSAGE, wire.number(originator.message_id)),
        )
    )
    return wire.command_set(
        (wire.SOP_CLASS_UID, wire.uid(file.sop_class_uid)),
        (wire.COMMAND_FIELD, wire.number(wire.C_STORE_RQ)),
        (wire.MESSAGE_ID, wire.number(message_id)),
        (wire.PRIORITY, wire.number(MEDIUM_PRIORITY)),
        (wire.DATASET_TYPE, wire.number(wire.WITH_DATASET)),
        (wire.SOP_INSTANCE_UID, wire.uid(file.sop_instance_uid)),
        *moved,
    )


def _encoded(file: Sendable, accepted: Sequence[str], preferred: Sequence[str]) -> Encoded:
    """Encode as the peer likes best, where that can be done, else as it takes at all."""
    liked = [syntax for syntax in preferred if syntax in accepted]
    if liked:
        with contextlib.suppress(NotAcceptableError, PixelDecodingError):
            return file.encoded(liked[:1])
    return file.encoded(accepted)


def _own_first(found: dict[str, int], file: Sendable) -> dict[str, int]:
    own = file.transfer_syntax_uid
    return {own: found[own], **found} if own in found else found


def _not_taken(file: Sendable) -> StoreOutcome:
    message = "The peer takes no instances of this SOP class."
    return StoreOutcome(file.sop_class_uid, file.sop_instance_uid, 0x0122, message)


def discard_message(message: Any) -> None:
    """Close the spool file of a message that nobody wants."""
    received = getattr(message, "_dataset_file", None)
    if received is not None:
        received.close()


def _outcome(file: Sendable, answer: tuple[int, str] | None) -> StoreOutcome:
    if answer is None:
        return _failed(file, PeerUnreachableError("The association was lost."))
    status, comment = answer
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

"""One message: kept, applied, answered. Kept first, so that what fails can be tried again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import DatabaseError

from archive.corrections.messages import (
    keep_message,
    known_message,
    settle_message,
)
from archive.errors import ArchiveError, StateConflictError
from archive.hl7.answering import ACCEPTED, FAILED, REFUSED, acknowledgement, batch_of
from archive.hl7.demographics import DEMOGRAPHICS, MERGES, apply_demographics, apply_merge
from archive.hl7.orders import ORDERS, apply_order
from archive.hl7.reading import UnreadableMessageError, messages_of, read_message

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.hl7.reading import Message

logger = logging.getLogger(__name__)

MAX_BATCH = 500


def answer_message(content: bytes, asker: Asker) -> bytes:
    """Take in a message and return its acknowledgement.

    Accepted is said only after what it asks for is committed; the same message again is accepted
    and changes nothing.

    Parameters
    ----------
    content
        as it came, without the block characters
    asker
        the account that acts for the hospital's systems, and the sender's address
    """
    parts = messages_of(content)
    if parts is None:
        return _answer_one(content, asker)
    if not parts or len(parts) > MAX_BATCH:
        text = f"A batch holds 1 to {MAX_BATCH} messages."
        keep_message(content, None, asker.address, error=text)
        return acknowledgement(None, REFUSED, condition="sequence", text=text)
    return batch_of([_answer_one(one, asker) for one in parts])


def _answer_one(content: bytes, asker: Asker) -> bytes:
    try:
        message = read_message(content)
    except UnreadableMessageError as error:
        keep_message(content, None, asker.address, error=error.message)
        return acknowledgement(None, REFUSED, condition="sequence", text=error.message)
    try:
        return _answer(content, message, asker)
    except DatabaseError:
        # Not logged whole: the database's words may show a patient's.
        logger.warning("message not taken in: the database refuses or can't be reached")
        text = "The archive could not keep it; send it again."
        return acknowledgement(message, FAILED, condition="internal", text=text)


def _answer(content: bytes, message: Message, asker: Asker) -> bytes:
    if known_message(message.partner, message.control_id, message.digest):
        return acknowledgement(message, ACCEPTED)
    if not is_known_kind(message.kind):
        text = f"{message.kind or 'This'} is not taken in."
        keep_message(content, message, asker.address, error=text)
        return acknowledgement(message, REFUSED, condition="unsupported", text=text)
    key = keep_message(content, message, asker.address)
    error = apply_kept(key, message, asker)
    if error is None:
        return acknowledgement(message, ACCEPTED)
    condition = error.code if error.code in {"required", "length"} else "internal"
    return acknowledgement(message, FAILED, condition=condition, text=error.message)


def apply_kept(key: int, message: Message, asker: Asker) -> ArchiveError | None:
    """Do what a kept message asks for, and say what became of it; the error, where there is one."""
    try:
        is_changed = _apply(message, asker)
    except ArchiveError as error:
        settle_message(key, error=error.message)
        return error
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 no message ends the connection, or the listener
        # Only what kind it was: its words may be the patient's.
        logger.error("message not taken in: %s", type(error).__name__)  # noqa: TRY400 as said
        failure = StateConflictError("Something went wrong in the archive itself.")
        settle_message(key, error=failure.message)
        return failure
    settle_message(key, is_changed=is_changed)
    return None


def is_known_kind(kind: str) -> bool:
    """Whether messages of this type and trigger are taken in."""
    return kind in DEMOGRAPHICS or kind in MERGES or kind in ORDERS


def _apply(message: Message, asker: Asker) -> bool:
    if message.kind in MERGES:
        return apply_merge(asker, message)
    if message.kind in DEMOGRAPHICS:
        return apply_demographics(asker, message)
    return apply_order(asker, message)

"""What the listener does with a request."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from archive.dimse.statuses import PROCESSING_FAILURE, store_status
from archive.errors import ArchiveError, InvalidInstanceError
from archive.ingest.refusals import refuse_without_bytes
from archive.ingest.types import IncomingFile

if TYPE_CHECKING:
    from archive.dimse.spooling import ReceivedDataset
    from archive.dimse.writers import Writers
    from archive.ingest.types import Origin

logger = logging.getLogger(__name__)


def handle_c_store(event: Any, writers: Writers) -> int:
    """Archive the received instance and return the status of the answer (PS3.4 B.2.3)."""
    received: ReceivedDataset | None = event.request._dataset_file  # noqa: SLF001 no public name
    origin: Origin = event.assoc.origin
    try:
        return store_status(_store(received, origin, writers))
    except Exception:
        logger.exception("C-STORE failed")
        return PROCESSING_FAILURE
    finally:
        if received is not None:
            received.close()


def _store(
    received: ReceivedDataset | None, origin: Origin, writers: Writers
) -> ArchiveError | None:
    if received is None:
        message = "The request came without a data set."
        return InvalidInstanceError(message, code="empty")
    if received.spool is None:
        return _refuse_unwritten(received, origin, writers)
    file = IncomingFile(spool=received.spool, announced=received.announced)
    return writers.store(file, origin).error


def _refuse_unwritten(received: ReceivedDataset, origin: Origin, writers: Writers) -> ArchiveError:
    error = received.error or ArchiveError()
    if not error.retriable:
        size_bytes = received.received_bytes
        writers.call(
            partial(
                refuse_without_bytes, name="", error=error, origin=origin, size_bytes=size_bytes
            )
        )
    return error

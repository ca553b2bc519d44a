"""What the listener does with a request."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from archive.dicom.reading import read_header
from archive.dimse.statuses import PROCESSING_FAILURE, store_status
from archive.errors import ArchiveError, InvalidInstanceError
from archive.ingest.refusals import refuse_file, refuse_without_bytes
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
    file = IncomingFile(spool=received.spool)
    mismatch = _mismatch(received)
    if mismatch is not None:
        refuse = partial(refuse_file, file=file, error=mismatch, origin=origin)
        return writers.call(refuse).error
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


def _mismatch(received: ReceivedDataset) -> ArchiveError | None:
    """Say whether the data set is another instance than the request announced (PS3.4 B.2.3)."""
    if received.spool is None:
        return None
    received.spool.flush()
    try:
        ds = read_header(received.spool.path).ds
    except InvalidInstanceError:
        return None  # ingest finds the same, and says it better
    meta = ds.file_meta
    announced = (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID)
    if announced == (ds.SOPClassUID, ds.SOPInstanceUID):
        return None
    message = "The data set is another instance than the C-STORE request announced."
    return InvalidInstanceError(message, code="sop-class-mismatch")

"""What the listener does with a request."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DatabaseError

from archive.access import selectors as access
from archive.dimse.statuses import PROCESSING_FAILURE, store_status
from archive.errors import ArchiveError, InvalidInstanceError, NotAllowedError
from archive.ingest.refusals import refuse_without_bytes
from archive.ingest.types import IncomingFile

if TYPE_CHECKING:
    from archive.dimse.spooling import ReceivedDataset
    from archive.dimse.writers import Writers
    from archive.ingest.types import Origin
    from archive.models import Project

logger = logging.getLogger(__name__)


def handle_c_store(event: Any, writers: Writers) -> int:
    """Archive the received instance and return the status of the answer (PS3.4 B.2.3)."""
    received: ReceivedDataset | None = event.request._dataset_file  # noqa: SLF001 no public name
    try:
        _look_again(event.assoc, writers)
        return store_status(_store(received, event.assoc.origin, writers))
    except NotAllowedError as error:
        return store_status(error)
    except Exception:
        logger.exception("C-STORE failed")
        return PROCESSING_FAILURE
    finally:
        if received is not None:
            received.close()


def _look_again(assoc: Any, writers: Writers) -> None:
    """Ask now and then whether the peer still may store, and where: associations last for hours.

    Raises
    ------
    NotAllowedError
        It may no longer, or was taken out of the register.
    """
    now = time.monotonic()
    if now - assoc.admitted_at < settings.TWINSIGHT_RIGHTS_KEPT_S:
        return
    try:
        project = writers.call(lambda: _project_of(assoc.peer_key))
    except DatabaseError:
        # The store itself will say so, in its own words.
        return
    assoc.origin = replace(assoc.origin, project=project)
    assoc.admitted_at = now


def _project_of(peer_key: int | None) -> Project | None:
    """Return where the studies of a peer go that may store."""
    peer = access.peer_by_key(peer_key)
    if peer is None or not peer.may_store:
        raise NotAllowedError("This peer may no longer store.")
    return peer.project


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

"""What a door refuses before ingest sees it: recorded like any other refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, transaction

from archive.errors import StorageError
from archive.ingest.quarantine import quarantine_file, quarantine_without_bytes
from archive.ingest.types import IngestResult, Outcome
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from archive.errors import ArchiveError
    from archive.ingest.types import IncomingFile, Origin


def refuse_file(*, file: IncomingFile, error: ArchiveError, origin: Origin) -> IngestResult:
    """Keep a refused file's bytes in quarantine.

    Parameters
    ----------
    file
        spooled, still owned (and closed) by the caller
    error
        why it is refused

    Raises
    ------
    StorageError
        The bytes or the entry could not be kept.
    """
    blob_store().keep([file.spool])
    try:
        with transaction.atomic():
            quarantine_file(file=file, error=error, origin=origin)
    except (OperationalError, InterfaceError) as cause:
        raise _unreachable() from cause
    return IngestResult(outcome=Outcome.QUARANTINED, name=file.name, error=error)


def refuse_without_bytes(
    *, name: str, error: ArchiveError, origin: Origin, size_bytes: int = 0
) -> IngestResult:
    """Note a refusal of bytes that are not kept: too many, or not to be had.

    Parameters
    ----------
    size_bytes
        how many came, where known

    Raises
    ------
    StorageError
        The entry could not be written.
    """
    try:
        quarantine_without_bytes(name=name, error=error, origin=origin, size_bytes=size_bytes)
    except (OperationalError, InterfaceError) as cause:
        raise _unreachable() from cause
    return IngestResult(outcome=Outcome.QUARANTINED, name=name, error=error, is_kept=False)


def _unreachable() -> StorageError:
    message = "The archive's database can't be reached; try again."
    return StorageError(message, code="database-unavailable")

"""Bytes into spool files, within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from archive.errors import LimitExceededError
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.storage.types import SpoolFile

CHUNK_BYTES = 1024 * 1024


def open_spool() -> SpoolFile:
    """Open an empty spool file for a door that writes as bytes arrive.

    Raises
    ------
    StorageFullError
        Less than the reserve is free.
    """
    return blob_store().spool()


def spool_stream(chunks: Iterable[bytes], *, max_bytes: int | None = None) -> SpoolFile:
    """Write the chunks to a spool file; the caller closes it.

    Parameters
    ----------
    chunks
        the file's bytes in order
    max_bytes
        refuse more than this; ``settings.TWINSIGHT_MAX_INSTANCE_BYTES`` where not given

    Raises
    ------
    LimitExceededError
        More bytes came; nothing is left on the disk.
    StorageError
        The disk refused; nothing is left on it.
    """
    limit = settings.TWINSIGHT_MAX_INSTANCE_BYTES if max_bytes is None else max_bytes
    spool = open_spool()
    try:
        for chunk in chunks:
            write_within(spool, chunk, max_bytes=limit)
    except BaseException:
        spool.close()
        raise
    return spool


def write_within(spool: SpoolFile, chunk: bytes, *, max_bytes: int) -> None:
    """Append a chunk unless the file would grow past the limit.

    Raises
    ------
    LimitExceededError
        It would; the caller closes the spool file.
    """
    if spool.size + len(chunk) > max_bytes:
        raise LimitExceededError(f"The file is larger than the limit of {max_bytes} bytes.")
    spool.write(chunk)

"""Blobs from one store to another, as often as it takes; nothing is taken from the first."""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING

from django.conf import settings

from archive.errors import BlobMissingError, InvalidRequestError
from archive.models import Blob
from archive.storage.pooling import in_threads
from archive.storage.stores import blob_store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from archive.storage.types import BlobStore

_CHUNK_BYTES = 1024 * 1024
_AT_ONCE = 64
# What a file on a bad sector, or in a damaged file system, is read with.
_UNREADABLE = {errno.EIO, errno.EBADMSG, errno.EUCLEAN}


class Move(Enum):
    """What became of a blob."""

    COPIED = "copied"
    THERE = "there already"
    DAMAGED = "damaged where it lay, not copied"
    MISSING = "gone meanwhile"
    UNEQUAL = "not what it should be at the target"
    EXTRA = "at the target alone"
    LAST = "lost where it lay, kept at the target"


@dataclass(frozen=True)
class Moved:
    """One blob, and what became of it."""

    sha256: str
    move: Move


class Mover:
    """Copies what a store has to another; run again, it goes on where it was ended.

    Parameters
    ----------
    source
        may be in use meanwhile: what comes later is for the next round
    target
        what it holds of the same blobs is left there
    """

    def __init__(self, source: BlobStore, target: BlobStore, *, reads_again: bool = False) -> None:
        self._source = source
        self._target = target
        self._reads_again = reads_again

    def copy(self, digests: Iterator[str] | None = None) -> Iterator[Moved]:
        """Copy, several at a time; say of each blob what became of it.

        Parameters
        ----------
        digests
            which blobs; all that the source has where none are given

        Raises
        ------
        StorageError
            One of the stores failed; what was copied stays copied.
        """
        digests = self._source.digests() if digests is None else digests
        while batch := list(islice(digests, _AT_ONCE)):
            yield from in_threads(self._copy, batch)

    def extras(self, *, deletes: bool = False) -> Iterator[Moved]:
        """Find what the target has and the source has not: purged since it was copied.

        What has a row was not purged: the source has lost it, and the target's may be the last.

        Parameters
        ----------
        deletes
            and delete it there, unless it has a row
        """
        digests = self._target.digests()
        while batch := list(islice(digests, _AT_ONCE)):
            is_there = dict(zip(batch, in_threads(self._source.exists, batch), strict=True))
            extras = [sha256 for sha256 in batch if not is_there[sha256]]
            wanted = set(Blob.objects.filter(sha256__in=extras).values_list("sha256", flat=True))
            for sha256 in extras:
                if sha256 in wanted:
                    yield Moved(sha256, Move.LAST)
                    continue
                if deletes:
                    self._target.delete(sha256)
                yield Moved(sha256, Move.EXTRA)

    def _copy(self, sha256: str) -> Moved:
        if self._target.exists(sha256):
            is_equal = not self._reads_again or self._is_equal(sha256)
            return Moved(sha256, Move.THERE if is_equal else self._write(sha256, is_there=True))
        return Moved(sha256, self._write(sha256))

    def _write(self, sha256: str, *, is_there: bool = False) -> Move:
        with self._target.spool() as spool:
            try:
                with self._source.original(sha256) as stream:
                    for chunk in _chunks(stream):
                        spool.write(chunk)
            except BlobMissingError:
                return Move.MISSING
            except OSError as error:
                # Of the source alone: what a spool file refuses is a StorageError.
                if error.errno not in _UNREADABLE:
                    raise
                return Move.DAMAGED
            if spool.sha256 != sha256:
                return Move.DAMAGED
            if is_there:
                # A store keeps what it has under a hash: here something else lies there.
                self._target.delete(sha256)
            self._target.keep([spool])
        if self._reads_again and not self._is_equal(sha256):
            return Move.UNEQUAL
        return Move.COPIED

    def _is_equal(self, sha256: str) -> bool:
        return is_whole(self._target, sha256)


def is_whole(store: BlobStore, sha256: str) -> bool:
    """Whether what a store has under a hash can be read and has it.

    Raises
    ------
    StorageError
        It is gone, or the store does not answer.
    """
    digest = hashlib.sha256()
    try:
        with store.original(sha256) as stream:
            for chunk in _chunks(stream):
                digest.update(chunk)
    except OSError as error:
        if error.errno not in _UNREADABLE:
            raise
        return False
    return digest.hexdigest() == sha256


def mover_to(url: str, *, reads_again: bool = False) -> Mover:
    """Return what copies the archive's files to another place.

    Parameters
    ----------
    url
        ``file:///…`` or ``s3://…``
    reads_again
        compare with its hash what lies there

    Raises
    ------
    InvalidRequestError
        They lie there already.
    ImproperlyConfigured
        The URL names no place.
    """
    if url == settings.TWINSIGHT_STORAGE_URL:
        raise InvalidRequestError("The stored files lie there already.")
    reserve = int(settings.TWINSIGHT_STORAGE_RESERVE_BYTES)
    # Without local copies: nobody reads there yet.
    return Mover(blob_store(), open_store(url, reserve, cache_bytes=0), reads_again=reads_again)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk

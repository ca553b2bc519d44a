"""Bytes out of an object store, read on where a connection broke."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from archive.storage.s3_client import unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import WriteableBuffer

    from archive.storage.s3_client import S3Line

CHUNK_BYTES = 1024 * 1024
_ATTEMPTS = 4
_PARTIAL = 206


def chunks_of(
    line: S3Line, sha256: str, told_size: Callable[[int], None] | None = None
) -> Iterator[bytes]:
    """Yield a blob's bytes as the store has them.

    Parameters
    ----------
    line
        to the store
    sha256
        of the blob
    told_size
        called with the number of bytes before the first of them

    Raises
    ------
    BlobMissingError
        The store has no such object.
    StorageError
        It can't be reached, or the connection broke again and again.
    """
    offset = 0
    for _ in range(_ATTEMPTS):
        size, body = _body(line, sha256, offset)
        if told_size is not None and not offset:
            told_size(size)
        while True:
            chunk = _read(body)
            if chunk is None:
                break
            if not chunk:
                return
            offset += len(chunk)
            yield chunk
    line.circuit.trip()
    raise unreachable()


def _body(line: S3Line, sha256: str, offset: int) -> tuple[int, Any]:
    asked = {"Range": f"bytes={offset}-"} if offset else {}
    with line.asking(sha256) as client:
        found = client.get_object(Bucket=line.place.bucket, Key=line.place.key(sha256), **asked)
    if offset and found["ResponseMetadata"]["HTTPStatusCode"] != _PARTIAL:
        raise unreachable()  # it can't go on in the middle
    return found["ContentLength"], found["Body"]


def _read(body: Any) -> bytes | None:
    """Return the next bytes, none at the end; None where the connection broke."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 an extra

    try:
        chunk: bytes = body.read(CHUNK_BYTES)
    except (BotoCoreError, OSError):
        body.close()
        return None
    return chunk


class BlobStream(io.RawIOBase):
    """A blob's bytes as a file that can be read once.

    Parameters
    ----------
    chunks
        the bytes in order; the first are asked for at once, so that a missing blob says so
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._left = memoryview(next(chunks, b""))

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Give the next bytes; none at the end."""
        if not self._left:
            self._left = memoryview(next(self._chunks, b""))
        with memoryview(buffer) as target:
            number = min(len(target), len(self._left))
            target[:number] = self._left[:number]
        self._left = self._left[number:]
        return number

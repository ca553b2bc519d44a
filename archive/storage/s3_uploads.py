"""Large files into an object store: in parts, which become an object only when that is said."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from archive.errors import StorageError
from archive.storage.pooling import PARTS, start

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from _typeshed import WriteableBuffer

    from archive.storage.s3_client import S3Line

logger = logging.getLogger(__name__)

PART_BYTES = 32 * 1024 * 1024
_MOST_PARTS = 9_000


class FilePart(io.RawIOBase):
    """A piece of a file, as a file: sent without being in memory."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._start, self._size, self._at = start, size, 0

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can be sent again: yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move within the piece."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Say where in the piece the next bytes come from."""
        return self._at

    def __len__(self) -> int:
        """How many bytes the piece has."""
        return self._size

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Give the next bytes; none at the end of the piece."""
        with memoryview(buffer) as target:
            number = max(0, min(len(target), self._size - self._at))
            self._file.seek(self._start + self._at)
            number = self._file.readinto(target[:number])
        self._at += number
        return number

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


class PartedUpload:
    """Sends a file's parts beside other work; without `finish` there is no object.

    Parameters
    ----------
    line
        to the store
    key
        the object's name
    path
        the file, whose bytes change no more
    size
        how many they are
    encryption
        what the store is told of it
    """

    def __init__(
        self, line: S3Line, key: str, path: Path, size: int, encryption: dict[str, str]
    ) -> None:
        self._line = line
        self._path, self._size = path, size
        self._object = {"Bucket": line.place.bucket, "Key": key}
        step = max(PART_BYTES, -(-size // _MOST_PARTS))
        self._step = step
        with line.asking() as client:
            self._id = client.create_multipart_upload(
                **self._object, ChecksumAlgorithm="SHA256", **encryption
            )["UploadId"]
        starts = range(0, size, step)
        self._parts: list[Future[dict[str, Any]]] = [
            start(PARTS, self._send, number) for number, _ in enumerate(starts, start=1)
        ]

    def _send(self, number: int) -> dict[str, Any]:
        begin = (number - 1) * self._step
        size = min(self._step, self._size - begin)
        with FilePart(self._path, begin, size) as body:
            digest = hashlib.sha256()
            while chunk := body.read(1024 * 1024):
                digest.update(chunk)
            body.seek(0)
            checksum = base64.b64encode(digest.digest()).decode()
            with self._line.asking() as client:
                sent = client.upload_part(
                    **self._object,
                    UploadId=self._id,
                    PartNumber=number,
                    Body=body,
                    ContentLength=size,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=checksum,
                )
        return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def finish(self) -> None:
        """Wait for the parts, and make them the object.

        Raises
        ------
        StorageError
            One of them, or the whole, was refused; there is no object.
        """
        parts = [part.result() for part in self._parts]
        with self._line.asking() as client:
            client.complete_multipart_upload(
                **self._object, UploadId=self._id, MultipartUpload={"Parts": parts}
            )

    def abort(self) -> None:
        """Let the store forget the parts; where it is away, the sweeper tells it later."""
        for part in self._parts:
            part.cancel()
        for part in self._parts:
            with suppress(Exception):
                part.exception()
        with suppress(StorageError), self._line.asking() as client:
            client.abort_multipart_upload(**self._object, UploadId=self._id)

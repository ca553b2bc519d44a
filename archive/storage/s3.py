"""Blobs in an object store: spooled and read on the local disk, acknowledged by the store."""

from __future__ import annotations

import base64
import io
import re
import time
import uuid
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.utils import timezone

from archive.errors import BlobMissingError, StorageError
from archive.storage.caching import BlobCache
from archive.storage.local import LocalSpoolFile, checked_address
from archive.storage.pooling import AHEAD, in_threads, start
from archive.storage.s3_client import S3Line
from archive.storage.s3_reading import BlobStream, chunks_of
from archive.storage.s3_uploads import PART_BYTES, PartedUpload
from archive.storage.sweeping import sweep_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from archive.storage.s3_client import Access
    from archive.storage.s3_places import S3Place
    from archive.storage.types import SpoolFile

_ADDRESS = re.compile(r"[0-9a-f]{64}", re.ASCII)
# Sent in one piece up to here.
_ONE_PIECE_BYTES = 2 * PART_BYTES
# That the bucket answers is known for so long.
_SEEN_S = 2.0
# How much of the copies' room is filled before somebody has asked for it.
_AHEAD = 4


class S3SpoolFile(LocalSpoolFile):
    """A file that came; a large one goes up beside other work, and is an object once kept."""

    def __init__(self, path: Path, upload: Callable[[S3SpoolFile], PartedUpload]) -> None:
        super().__init__(path)
        self._begin_upload = upload
        self._upload: PartedUpload | None = None

    def begin_sync(self) -> None:
        """Start to make the local copy durable, and to send what is large."""
        super().begin_sync()
        if self.size > _ONE_PIECE_BYTES and self._upload is None:
            with suppress(StorageError):  # said when it is kept
                self._upload = self._begin_upload(self)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes and hash them; what was sent before was not all."""
        self._abort()
        return super().write(data)

    def finish_upload(self) -> None:
        """Make an object of the parts on their way; where one is refused, all are given up.

        Raises
        ------
        StorageError
            There is no object.
        """
        self._upload = self._upload or self._begin_upload(self)
        try:
            self._upload.finish()
        except BaseException:
            self._abort()
            raise
        self._upload = None

    def _abort(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.abort()

    def close(self) -> None:
        """Discard the file, and what was sent of it."""
        self._abort()
        super().close()


class S3BlobStore:
    """Blobs under ``prefix/sha256/ab/abcd…`` of a bucket.

    What comes is spooled to the local disk and put under its hash when it is kept; what is read
    comes from a copy on the local disk, made where it is missing and compared with its hash. So
    all that maps files, or hands them to other processes, works as it does with a folder.

    Parameters
    ----------
    place
        bucket, prefix and address
    access
        credentials and patience
    root
        local folder of spool files and copies
    limit_bytes
        what the copies may take
    reserve_bytes
        what is left free on the local disk
    """

    def __init__(
        self,
        place: S3Place,
        access: Access,
        root: Path,
        *,
        limit_bytes: int,
        reserve_bytes: int = 0,
    ) -> None:
        self.place = place
        self.root = root
        self.reserve_bytes = reserve_bytes
        self.line = S3Line(place, access)
        self.cache = BlobCache(root, limit_bytes=limit_bytes, reserve_bytes=reserve_bytes)
        self._spool = root / "spool"
        self._spool.mkdir(exist_ok=True, mode=0o700)
        self._seen_at = float("-inf")
        said = {"ServerSideEncryption": place.encryption, "SSEKMSKeyId": place.kms_key}
        self._encryption = {name: value for name, value in said.items() if value}

    def _object(self, sha256: str) -> dict[str, str]:
        return {"Bucket": self.place.bucket, "Key": self.place.key(checked_address(sha256))}

    def spool(self) -> S3SpoolFile:
        """Open a new spool file on the local disk.

        Raises
        ------
        StorageFullError
            Less than the reserve is free there, however few copies are kept.
        StorageError
            The store was away a moment ago: nothing is received that can't be kept.
        """
        self.line.circuit.require()
        self.cache.require_room()
        return S3SpoolFile(self._spool / uuid.uuid4().hex, self._parted)

    def _parted(self, spool: S3SpoolFile) -> PartedUpload:
        key = self.place.key(spool.sha256)
        return PartedUpload(self.line, key, spool.path, spool.size, self._encryption)

    def keep(self, spools: Iterable[SpoolFile]) -> None:
        """Put each file under its hash; the store has compared it when this returns.

        Parameters
        ----------
        spools
            written spool files of this store; the same bytes again replace themselves

        Raises
        ------
        StorageError
            The store refused one of them, or is away; nothing may be acknowledged.
        """
        kept = []
        for spool in spools:
            if not isinstance(spool, S3SpoolFile):
                message = "A spool file of another store can't be kept here."
                raise StorageError(message)
            spool.begin_sync()
            kept.append(spool)
        in_threads(self._put, kept)

    def _put(self, spool: S3SpoolFile) -> None:
        if spool.size > _ONE_PIECE_BYTES:
            spool.finish_upload()
        else:
            self._put_whole(spool)
        spool.is_kept = True
        with suppress(StorageError):  # of the local copy alone
            spool.sync()
            self.cache.add(spool.path, spool.sha256, spool.size)

    def _put_whole(self, spool: S3SpoolFile) -> None:
        checksum = base64.b64encode(bytes.fromhex(spool.sha256)).decode()
        with spool.path.open("rb") as body, self.line.asking() as client:
            client.put_object(
                **self._object(spool.sha256),
                Body=body,
                ContentLength=spool.size,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=checksum,
                **self._encryption,
            )

    def open(self, sha256: str) -> BinaryIO:
        """Open a local copy for reading, made where there is none.

        Raises
        ------
        BlobMissingError
            The store has no such object; BlobDamagedError where it is not what was kept.
        StorageError
            The store is away, and there is no copy.
        """
        found = self.cache.open(checked_address(sha256))
        return found if found is not None else self._fetch(sha256)

    def _fetch(self, sha256: str) -> BinaryIO:
        return self.cache.fetch(sha256, partial(chunks_of, self.line, sha256))

    def _size(self, sha256: str) -> int:
        with self.line.asking(sha256) as client:
            return int(client.head_object(**self._object(sha256))["ContentLength"])

    def original(self, sha256: str) -> BinaryIO:
        """Open what lies in the store, past the copies, to be read once."""
        stream = BlobStream(chunks_of(self.line, checked_address(sha256)))
        return cast("BinaryIO", io.BufferedReader(stream))

    def path(self, sha256: str) -> Path:
        """Path of a local copy, which stays there for a minute at least."""
        self.open(sha256).close()
        return self.cache.place(sha256)

    def exists(self, sha256: str) -> bool:
        """Whether the store has the blob; copies don't count."""
        try:
            self._size(sha256)
        except BlobMissingError:
            return False
        return True

    def present(self, digests: Collection[str]) -> set[str]:
        """Return which of the blobs can be read, and begin to make copies of those."""
        missing = [sha256 for sha256 in digests if not self.cache.has(checked_address(sha256))]
        sizes = dict(zip(missing, in_threads(self._size_or_none, missing), strict=True))
        left = self.cache.limit_bytes // _AHEAD
        for sha256, size in sizes.items():
            left -= size or 0
            if size is not None and left > 0:
                start(AHEAD, self._copy, sha256)
        return {sha256 for sha256 in digests if sizes.get(sha256, 0) is not None}

    def _size_or_none(self, sha256: str) -> int | None:
        try:
            return self._size(sha256)
        except BlobMissingError:
            return None

    def _copy(self, sha256: str) -> None:
        with suppress(StorageError):  # said to who asks for it
            self.open(sha256).close()

    def delete(self, sha256: str) -> None:
        """Remove the blob, every version of it, and the local copy; absent is fine."""
        with self.line.asking() as client:
            said = client.delete_object(**self._object(sha256))
            if said.get("DeleteMarker") or said.get("VersionId"):
                self._delete_versions(client, sha256)
        self.cache.remove(sha256)

    def _delete_versions(self, client: Any, sha256: str) -> None:
        """Delete what a bucket with versions keeps of a purged file."""
        key = self._object(sha256)["Key"]
        pages = client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self.place.bucket, Prefix=key):
            for one in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                client.delete_object(
                    Bucket=self.place.bucket, Key=one["Key"], VersionId=one["VersionId"]
                )

    def digests(self) -> Iterator[str]:
        """Walk all blobs, in no particular order."""
        token: dict[str, str] = {}
        while True:
            with self.line.asking() as client:
                page = client.list_objects_v2(
                    Bucket=self.place.bucket, Prefix=self.place.blobs, **token
                )
            for item in page.get("Contents", ()):
                name = item["Key"].rpartition("/")[2]
                if _ADDRESS.fullmatch(name):
                    yield name
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def check(self) -> None:
        """Raise StorageError where the bucket does not answer or the local disk is full."""
        self.cache.require_room()
        if time.monotonic() - self._seen_at < _SEEN_S and self.line.circuit.is_passable:
            return
        with self.line.asking() as client:
            client.head_bucket(Bucket=self.place.bucket)
        self._seen_at = time.monotonic()

    def free_bytes(self) -> int:
        """Free space on the local disk, where files arrive."""
        return self.cache.free_bytes()

    def disk(self) -> None:
        """Blobs fill no disk of ours."""
        return

    def sweep_spool(self, older_than_s: float) -> int:
        """Remove spool files, copies and parts that nobody writes any more.

        Parameters
        ----------
        older_than_s
            seconds; long enough that no slow upload is cut
        """
        removed = sweep_folder(self._spool, older_than_s) + self.cache.sweep(older_than_s)
        self.cache.make_room()
        return removed + self._sweep_parts(older_than_s)

    def _sweep_parts(self, older_than_s: float) -> int:
        limit = timezone.now() - timedelta(seconds=older_than_s)
        removed = 0
        with self.line.asking() as client:
            found = client.list_multipart_uploads(Bucket=self.place.bucket, Prefix=self.place.blobs)
            for one in found.get("Uploads", ()):
                if one["Initiated"] < limit:
                    client.abort_multipart_upload(
                        Bucket=self.place.bucket, Key=one["Key"], UploadId=one["UploadId"]
                    )
                    removed += 1
        return removed

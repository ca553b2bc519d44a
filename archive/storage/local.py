"""Blobs on a POSIX file system."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Self

from archive.errors import BlobMissingError, StorageError, StorageFullError
from archive.storage.sweeping import sweep_folder
from archive.storage.syncing import at_once, begin, done

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

    from archive.storage.types import SpoolFile

# Larger pieces go straight to the system, small ones are gathered.
_BUFFER_BYTES = 64 * 1024
_FOLDERS = [f"{number:02x}" for number in range(256)]
_DIGITS = set("0123456789abcdef")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def storage_error(error: OSError, doing: str) -> StorageError:
    """Say what the disk refused, in words for whoever asked."""
    if error.errno in _FULL:
        return StorageFullError(f"The archive's disk is full: {doing} failed.")
    return StorageError(f"The archive's disk failed while {doing}: {error.strerror}.")


def checked_address(sha256: str) -> str:
    """Return a blob's address; raise StorageError where it is none."""
    if len(sha256) != 64 or not set(sha256) <= _DIGITS:
        message = "A blob's address is 64 hexadecimal digits."
        raise StorageError(message)
    return sha256


class LocalSpoolFile:
    """A temporary file beside the blobs, hashed while it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.is_kept = False
        self._hash = hashlib.sha256()
        try:
            # 0600 and never an existing file: the name is ours alone.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(error, "opening a spool file") from error
        self._file = os.fdopen(descriptor, "wb", buffering=_BUFFER_BYTES)
        self._syncing: Future[None] | None = None

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of what was written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes and hash them.

        Raises
        ------
        StorageFullError
            The disk is full.
        StorageError
            The disk refused for another reason.
        """
        if self._syncing is not None:
            self.sync()
            self._syncing = None  # what comes now was not in it
        try:
            self._file.write(data)
        except OSError as error:
            raise storage_error(error, "writing a spool file") from error
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Hand the bytes to the operating system, so that the path can be read."""
        try:
            self._file.flush()
        except OSError as error:
            raise storage_error(error, "writing a spool file") from error

    def begin_sync(self) -> None:
        """Start to make the bytes durable, beside whatever the caller does meanwhile."""
        if self._syncing is None:
            self.flush()
            self._syncing = begin(os.fsync, self._file.fileno())

    def sync(self) -> None:
        """Make the bytes durable. A failed fsync is never tried again on the same file."""
        try:
            if self._syncing is None:
                self.flush()
                self._syncing = done(os.fsync, self._file.fileno())
            self._syncing.result()
        except OSError as error:
            raise storage_error(error, "making a file durable") from error

    def close(self) -> None:
        """Discard the file; a kept blob lives on under its own name."""
        if self._syncing is not None and not self._syncing.cancel():
            # The descriptor's number may be another file's once this one is closed.
            self._syncing.exception()
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _has(place: Path, spool: LocalSpoolFile) -> bool:
    """Whether a file holds what a spool file does; one that can't be read does not."""
    try:
        if place.stat().st_size != spool.size:
            return False
        with place.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == spool.sha256
    except OSError:
        return False


class LocalBlobStore:
    """Blobs under ``sha256/ab/abcd…``; the names come from content, never from tags.

    Each folder on the way costs an fsync, so there is one; blobs of former versions lie one
    folder deeper (``sha256/ab/cd/abcd…``) and are found there.
    """

    def __init__(self, root: Path, *, reserve_bytes: int = 0) -> None:
        self.root = root
        self.reserve_bytes = reserve_bytes
        self._blobs = root / "sha256"
        self._spool = root / "spool"
        for folder in (self.root, self._blobs, self._spool):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_folders()

    def _make_folders(self) -> None:
        """Make all folders at once: one made for a blob costs its store two more waits."""
        there = {entry.name for entry in os.scandir(self._blobs)}
        missing = [name for name in _FOLDERS if name not in there]
        for name in missing:
            (self._blobs / name).mkdir(mode=0o700, exist_ok=True)
        if missing:
            self._sync_folder(self._blobs)
            self._sync_folder(self.root)

    def check(self) -> None:
        """Raise StorageFullError where less than the reserve is free: storing is refused."""
        if self.free_bytes() < self.reserve_bytes:
            message = "The archive's disk is nearly full: storing is refused until space is freed."
            raise StorageFullError(message)

    def spool(self) -> LocalSpoolFile:
        """Open a new spool file.

        Raises
        ------
        StorageFullError
            Less than the reserve is free.
        """
        self.check()
        return LocalSpoolFile(self._spool / uuid.uuid4().hex)

    def keep(self, spools: Iterable[SpoolFile]) -> None:
        """Make each file durable under its hash: fsync file, link, fsync every folder touched.

        Parameters
        ----------
        spools
            written spool files of this store; a blob that is already there is left alone

        Raises
        ------
        StorageError
            A write, link or fsync failed; nothing may be acknowledged.
        """
        kept = []
        for spool in spools:
            if not isinstance(spool, LocalSpoolFile):
                message = "A spool file of another store can't be kept here."
                raise StorageError(message)
            kept.append(spool)
        if len(kept) > 1:
            for spool in kept:
                spool.begin_sync()
        touched: set[Path] = set()
        for spool in kept:
            spool.sync()
            self._link(spool, touched)
            spool.is_kept = True
        at_once(self._sync_folder, touched - {self._blobs})
        # A folder's entry is durable after what it holds.
        if self._blobs in touched:
            self._sync_folder(self._blobs)

    def _link(self, spool: LocalSpoolFile, touched: set[Path]) -> None:
        target = self._find(spool.sha256)
        try:
            try:
                os.link(spool.path, target)
            except FileNotFoundError:
                target.parent.mkdir(mode=0o700, exist_ok=True)
                touched.add(self._blobs)
                self._link_or_repair(spool, target)
            except FileExistsError:
                self._link_or_repair(spool, target)
        except OSError as error:
            raise storage_error(error, "keeping a file") from error
        touched.add(target.parent)

    @staticmethod
    def _link_or_repair(spool: LocalSpoolFile, target: Path) -> None:
        try:
            os.link(spool.path, target)
        except FileExistsError:
            # The same bytes are there, perhaps of a writer that died before its folder's
            # fsync: a damaged file of the same name is replaced by these good bytes.
            if not _has(target, spool):
                spool.path.replace(target)

    @staticmethod
    def _sync_folder(folder: Path) -> None:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise storage_error(error, "making a folder durable") from error

    def _place(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / checked_address(sha256)

    def _find(self, sha256: str) -> Path:
        """Place of the blob, there or not; where a former version put it, if it lies there."""
        place = self._place(sha256)
        if not place.exists():
            former = place.parent / sha256[2:4] / sha256
            if former.exists():
                return former
        return place

    def open(self, sha256: str) -> BinaryIO:
        """Open the blob for reading.

        Raises
        ------
        BlobMissingError
            The file is gone.
        """
        try:
            return self._find(sha256).open("rb")
        except FileNotFoundError as error:
            raise BlobMissingError(f"The stored file {sha256[:12]}… is missing.") from error
        except OSError as error:
            raise storage_error(error, "reading a file") from error

    def original(self, sha256: str) -> BinaryIO:
        """Open the blob for reading: no copies lie between."""
        return self.open(sha256)

    def present(self, digests: Collection[str]) -> set[str]:
        """Return which of the blobs are there."""
        return {sha256 for sha256 in digests if self.exists(sha256)}

    def path(self, sha256: str) -> Path:
        """Path of the blob.

        Raises
        ------
        BlobMissingError
            The file is gone.
        """
        place = self._find(sha256)
        if not place.exists():
            raise BlobMissingError(f"The stored file {sha256[:12]}… is missing.")
        return place

    def exists(self, sha256: str) -> bool:
        """Whether the blob is there."""
        return self._find(sha256).exists()

    def delete(self, sha256: str) -> None:
        """Remove the blob; absent is fine."""
        try:
            self._find(sha256).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, "deleting a file") from error

    def digests(self) -> Iterator[str]:
        """Walk all blobs, in no particular order."""
        for place in self._blobs.glob("*/*"):
            if len(place.name) == 64:
                yield place.name
            else:
                yield from (former.name for former in place.iterdir())

    def disk(self) -> tuple[int, int]:
        """All and free bytes of the blobs' file system."""
        try:
            found = shutil.disk_usage(self.root)
        except OSError as error:
            raise storage_error(error, "asking for free space") from error
        return found.total, found.free

    def free_bytes(self) -> int:
        """Free space for an ordinary user on the blobs' file system."""
        try:
            return shutil.disk_usage(self.root).free
        except OSError as error:
            raise storage_error(error, "asking for free space") from error

    def sweep_spool(self, older_than_s: float) -> int:
        """Remove spool files whose last write is older than this; return how many.

        Parameters
        ----------
        older_than_s
            seconds; long enough that no slow upload is cut
        """
        return sweep_folder(self._spool, older_than_s)

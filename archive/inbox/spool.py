"""Where files lie while they are received: names of our own in a folder of our own."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from archive.errors import LimitExceededError, StorageError, StorageFullError
from archive.inbox.errors import FileBusyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_BYTES = 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{32}", re.ASCII)


def new_name() -> str:
    """Return a name that nothing has yet."""
    return uuid.uuid4().hex


def place(name: str) -> Path:
    """Return where a file lies; the name is one of `new_name`."""
    if _NAME.fullmatch(name) is None:
        raise StorageError("A file of the inbox has no such name.")
    return folder() / name


def folder() -> Path:
    """Return the inbox's folder, made where missing."""
    found = Path(settings.TWINSIGHT_INBOX_DIR)
    if not found.is_dir():
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def check_room(coming_bytes: int = 0) -> None:
    """Raise StorageFullError where the disk has less than its reserve left."""
    free = shutil.disk_usage(folder()).free
    if free - coming_bytes < settings.TWINSIGHT_STORAGE_RESERVE_BYTES:
        message = "The archive's disk is nearly full: uploads are refused until space is freed."
        raise StorageFullError(message)


class HeldFile:
    """A file of the inbox that one request writes to, and nobody else."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @property
    def size(self) -> int:
        """How many bytes of it are here."""
        return os.fstat(self._descriptor).st_size

    def append(self, offset: int, chunks: Iterable[bytes], *, max_bytes: int) -> None:
        """Write a piece behind what is there, and make it durable.

        What an interrupted request left behind the offset is cut off first; what arrived before an
        error of the sender stays.

        Parameters
        ----------
        offset
            how much of the file is known to be here
        chunks
            the piece's bytes in order
        max_bytes
            how large the file is: more is refused

        Raises
        ------
        LimitExceededError
            The piece goes past the file's end.
        StorageError
            The disk refused.
        """
        received = offset
        try:
            os.ftruncate(self._descriptor, offset)
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            for chunk in chunks:
                if received + len(chunk) > max_bytes:
                    message = f"The file was announced with {max_bytes} bytes; more came."
                    raise LimitExceededError(message)
                _write(self._descriptor, chunk)
                received += len(chunk)
        finally:
            os.fdatasync(self._descriptor)


@contextmanager
def held(name: str) -> Iterator[HeldFile]:
    """Hold a file, made where missing.

    Raises
    ------
    FileBusyError
        Another request holds it.
    StorageError
        The disk refused.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(place(name), flags, 0o600)
    except OSError as error:
        raise _storage_error(error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = "Another request is sending the same file; try again in a moment."
            raise FileBusyError(message) from error
        yield HeldFile(descriptor)
    finally:
        os.close(descriptor)


def size(name: str) -> int:
    """Return how many bytes of a file are here; none where it is not."""
    try:
        return place(name).stat().st_size
    except FileNotFoundError:
        return 0


def chunks_of(name: str) -> Iterator[bytes]:
    """Yield a file's bytes."""
    with place(name).open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def discard(names: Iterable[str]) -> None:
    """Remove files; absent is fine."""
    for name in names:
        if name:
            with suppress(FileNotFoundError):
                place(name).unlink()


def strays(known: Iterable[str], *, older_than_s: float) -> list[str]:
    """Return files that no row knows and nobody has written to for a while."""
    names, limit = set(known), time.time() - older_than_s
    found = []
    for entry in os.scandir(folder()):
        is_ours = _NAME.fullmatch(entry.name) is not None and entry.name not in names
        if is_ours and entry.stat(follow_symlinks=False).st_mtime < limit:
            found.append(entry.name)
    return found


def names_here() -> Iterator[str]:
    """Yield the names of all files."""
    for entry in os.scandir(folder()):
        if _NAME.fullmatch(entry.name) is not None:
            yield entry.name


def _write(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise _storage_error(error) from error


def _storage_error(error: OSError) -> StorageError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageFullError("The archive's disk is full.")
    return StorageError(f"The archive's disk failed: {error.strerror}.")

"""Local copies of blobs that lie elsewhere: bounded, whole, and safe between processes.

A copy has its name only once all its bytes are durable and have been compared with it. What is
open or mapped stays readable when its name is taken away, so nobody has to ask before one goes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from archive.errors import BlobDamagedError, StorageFullError
from archive.storage.local import storage_error
from archive.storage.sweeping import sweep_folder
from archive.storage.syncing import begin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Yields a blob's bytes; calls what it is given with their number before.
Reader = Callable[[Callable[[int], None]], Iterable[bytes]]
# What was used so recently stays: somebody may be about to open it.
JUST_USED_S = 60.0
# Used so recently, it is not said again.
_TOUCHED_S = 20.0
# What nobody has used for so long goes in any case: it may have been purged by another machine.
UNUSED_S = 7 * 86_400.0
# How much a process adds before it looks what all of them have.
_SLACK = 20


class BlobCache:
    """Copies under ``sha256/ab/abcd…``; the time of a file is when it was last used.

    Parameters
    ----------
    root
        folder of its own, which other processes of this machine share
    limit_bytes
        what all copies may take together; passed for a moment by a twentieth a process
    reserve_bytes
        what is left free on its disk
    """

    def __init__(self, root: Path, *, limit_bytes: int, reserve_bytes: int = 0) -> None:
        self.root = root
        self.limit_bytes = limit_bytes
        self._reserve_bytes = reserve_bytes
        self._blobs = root / "sha256"
        self._incoming = root / "incoming"
        for folder in (root, self._blobs, self._incoming):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The first copy of a process looks: programs that add one each add up, too.
        self._added = limit_bytes

    def place(self, sha256: str) -> Path:
        """Return where a copy lies, or would."""
        return self._blobs / sha256[:2] / sha256

    def open(self, sha256: str) -> BinaryIO | None:
        """Open a copy; None where there is none."""
        try:
            file = self.place(sha256).open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error, "reading a file") from error
        if time.time() - os.fstat(file.fileno()).st_mtime > _TOUCHED_S:
            with suppress(OSError):
                os.utime(file.fileno())
        return file

    def has(self, sha256: str) -> bool:
        """Whether there is a copy."""
        return self.place(sha256).exists()

    def add(self, path: Path, sha256: str, size: int) -> None:
        """Take a file that is durable and has been hashed as a copy, without copying it."""
        if size > self.limit_bytes:
            return
        place = self.place(sha256)
        try:
            with suppress(FileExistsError):
                _make_folder_and(os.link, path, place)
            os.utime(place)
        except OSError:
            return  # nobody needs it: the store has the bytes
        self._count(size)

    def fetch(self, sha256: str, read: Reader) -> BinaryIO:
        """Make a copy and open it; of several who ask for the same at once, one reads.

        Parameters
        ----------
        read
            yields the bytes; says first how many will come, to what it is called with

        Raises
        ------
        BlobDamagedError
            Other bytes came than the name says.
        StorageError
            Disk or store failed.
        """
        with self._alone(sha256) as file:
            if file is None:
                found = self.open(sha256)
                return found if found is not None else self.fetch(sha256, read)
            digest = hashlib.sha256()
            try:
                for chunk in read(self._require_room_to_read):
                    digest.update(chunk)
                    file.write(chunk)
                if digest.hexdigest() != sha256:
                    raise BlobDamagedError(f"The stored file {sha256[:12]}… is damaged.")
                file.flush()
                os.fsync(file.fileno())
                _make_folder_and(os.replace, self._incoming / sha256, self.place(sha256))
            except OSError as error:
                raise storage_error(error, "keeping a local copy") from error
            self._count(file.tell())
            # Its lock would live as long as the caller reads.
            fcntl.flock(file, fcntl.LOCK_UN)
            found = os.fdopen(os.dup(file.fileno()), "rb")
            found.seek(0)
            return found

    @contextmanager
    def _alone(self, sha256: str) -> Iterator[BinaryIO | None]:
        """Hold the file that a copy is written to; None where another has just finished it.

        The file is its own lock: who waited for it finds that its name is gone, or its inode
        another, and looks again. What a process that died left behind is overwritten.
        """
        place = self._incoming / sha256
        try:
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(error, "opening a local copy") from error
        with os.fdopen(descriptor, "w+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_same(file, place) or self.has(sha256):
                if _is_same(file, place):
                    place.unlink(missing_ok=True)
                yield None
                return
            file.truncate(0)
            try:
                yield file
            except BaseException:
                place.unlink(missing_ok=True)
                raise

    def remove(self, sha256: str) -> None:
        """Take a copy away; absent is fine."""
        with suppress(OSError):
            self.place(sha256).unlink(missing_ok=True)

    def require_room(self) -> None:
        """Raise StorageFullError where less than the reserve is free; copies give way before."""
        self._require_free(self._reserve_bytes)

    def _require_room_to_read(self, size: int) -> None:
        # Reading goes on where storing is refused: the reserve is for that, too.
        self._require_free(size + self._reserve_bytes // 4)

    def _require_free(self, wanted_bytes: int) -> None:
        missing = wanted_bytes - self.free_bytes()
        if missing <= 0:
            return
        self.make_room(missing)
        if self.free_bytes() < wanted_bytes:
            message = "The archive's disk is nearly full: what needs room on it is refused."
            raise StorageFullError(message)

    def free_bytes(self) -> int:
        """Free space on the copies' disk."""
        try:
            return shutil.disk_usage(self.root).free
        except OSError as error:
            raise storage_error(error, "asking for free space") from error

    def _count(self, size: int) -> None:
        self._added += size
        if self._added > self.limit_bytes // _SLACK:
            self._added = 0
            begin(self.make_room, 0)

    def make_room(self, wanted_bytes: int = 0) -> None:
        """Take away what was not used for longest, until the copies are within their limit.

        Parameters
        ----------
        wanted_bytes
            so much in any case, however little they take
        """
        with (self.root / "sweeping").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wanted_bytes else fcntl.LOCK_NB))
            except BlockingIOError:
                return  # another process is at it
            self._evict(wanted_bytes)

    def _evict(self, wanted_bytes: int) -> None:
        copies = sorted(_copies(self._blobs))
        taken = sum(size for _, size, _ in copies)
        # A tenth below, so that it is not looked for with every file.
        over = taken - self.limit_bytes * 9 // 10 if taken > self.limit_bytes else 0
        over = max(over, wanted_bytes)
        now = time.time()
        for used, size, place in copies:
            if used > now - JUST_USED_S or (over <= 0 and used > now - UNUSED_S):
                return
            with suppress(OSError):
                # Used in the meantime?
                if os.stat(place).st_mtime == used:  # noqa: PTH116 many files
                    os.unlink(place)  # noqa: PTH108
                    over -= size

    def sweep(self, older_than_s: float) -> int:
        """Remove what processes that died had begun to copy; return how many."""
        return sweep_folder(self._incoming, older_than_s)


def _copies(folder: Path) -> Iterator[tuple[float, int, str]]:
    for part in os.scandir(folder):
        for entry in os.scandir(part.path):
            with suppress(OSError):
                known = entry.stat(follow_symlinks=False)
                yield known.st_mtime, known.st_size, entry.path


def _is_same(file: BinaryIO, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), place.stat())
    except FileNotFoundError:
        return False


def _make_folder_and(act: Callable[[Path, Path], None], source: Path, target: Path) -> None:
    try:
        act(source, target)
    except FileNotFoundError:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        act(source, target)

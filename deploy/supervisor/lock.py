"""One program per home: an flock that the kernel drops with its holder."""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from deploy.supervisor.errors import HomeInUseError


class HomeLock:
    """Exclusive hold on a home; the file goes when the hold ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                os.close(descriptor)
                raise HomeInUseError(_in_use_message(self.path, holder)) from None
            if _same_file(descriptor, self.path):
                break
            # The former holder removed the file between our open and our lock: take the new one.
            os.close(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is None:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> "HomeLock":
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Tell whether a living process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False  # not there, or no home at all: whoever prepares it says so
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_held_by_another(path: Path) -> bool:
    """Tell whether a living process other than this one holds the lock."""
    try:
        holder = path.read_text("ascii").strip()
    except OSError:
        return False
    return holder != str(os.getpid()) and is_locked(path)


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _in_use_message(path: Path, holder: str) -> str:
    who = f" (process {holder})" if holder else ""
    return (
        f"Twinsight already runs on {path.parent.parent}{who}; "
        "stop it first, or set TWINSIGHT_HOME to another folder."
    )

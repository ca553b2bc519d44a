"""Commands that use services which another command started: its host waits for them to finish."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator

from deploy.supervisor.home import Home


@contextlib.contextmanager
def guest_of(home: Home) -> Iterator[None]:
    """Be seen by the host for the length of a block; the kernel forgets who dies."""
    with _opened(home) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


def await_guests(home: Home) -> None:
    """Wait until the last guest has left."""
    with _opened(home) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("Done; the database stays up until the other commands end.\n")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        home.guests_file.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(home: Home) -> Iterator[int]:
    descriptor = os.open(home.guests_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

"""What must hold before anything is started; each failure is one sentence that says what to do."""

import errno
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from deploy.supervisor.errors import SupervisorError

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class PortWish:
    """A port we want to listen on, and the variable that moves it."""

    purpose: str
    address: str
    port: int
    variable: str


def check_port(wish: PortWish) -> None:
    """Raise where something else listens there, or we may not."""
    family = socket.AF_INET6 if ":" in wish.address else socket.AF_INET
    place = f"{wish.port} ({wish.purpose}, on {wish.address})"
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: connections of a former run in TIME_WAIT are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((wish.address, wish.port))
            probe.listen(1)
    except OverflowError:
        raise SupervisorError(f"{wish.variable}={wish.port} is no port number.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"Port {place} is taken by another program"
        elif error.errno == errno.EACCES:
            problem = f"Port {place} needs rights that this user doesn't have"
        else:
            problem = f"Port {place} cannot be used: {error.strerror}"
        raise SupervisorError(f"{problem}; set {wish.variable} to a free one.") from None


def check_disk(
    folder: Path, *, min_free_bytes: int, variable: str = "TWINSIGHT_MIN_FREE_MB"
) -> None:
    """Raise where the disk of a folder is nearly full: a database on it would stop half-way."""
    free = shutil.disk_usage(folder).free
    if free < min_free_bytes:
        raise SupervisorError(
            f"The disk of {folder} is too full: {free // MEBIBYTE} MB free, "
            f"{min_free_bytes // MEBIBYTE} MB needed ({variable}); "
            "free some space or set TWINSIGHT_HOME to another disk."
        )

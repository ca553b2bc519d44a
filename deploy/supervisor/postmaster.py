"""What a PostgreSQL that was killed leaves behind, and when it may be cleared away.

The server's own check asks only whether the recorded pid exists. After a reboot or in a new
container that pid soon belongs to somebody else, and the server would refuse to start for ever.
"""

import contextlib
import signal
from pathlib import Path

import psutil

from deploy.supervisor.errors import ServiceStartError

PATIENCE_S = 15.0


def clear_stale_postmaster(data: Path, socket_dir: Path) -> None:
    """Wait for a dying predecessor, then remove pid and socket files of a dead one.

    The caller holds the lock of the home, so no living supervisor wants this server.
    """
    pid_file = data / "postmaster.pid"
    predecessor = _postmaster_of(data, pid_file)
    if predecessor is not None and not _await_end(predecessor):
        raise ServiceStartError(
            f"An earlier PostgreSQL (process {predecessor.pid}) still uses {data}; stop it first."
        )
    pid_file.unlink(missing_ok=True)
    for leftover in socket_dir.glob(".s.PGSQL.*"):
        leftover.unlink(missing_ok=True)


def _postmaster_of(data: Path, pid_file: Path) -> psutil.Process | None:
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
        process = psutil.Process(pid)
        is_ours = process.name().startswith("postgres") and str(data) in process.cmdline()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    except psutil.AccessDenied:
        return None  # another user's process: it cannot hold files of a 0700 folder
    return process if is_ours else None


def _await_end(process: psutil.Process) -> bool:
    """Wait for the end that its supervisor's death asked for; ask again, in PostgreSQL's order."""
    for number in (None, signal.SIGINT, signal.SIGQUIT):
        with contextlib.suppress(psutil.NoSuchProcess):
            if number is not None:
                process.send_signal(number)
        _, alive = psutil.wait_procs([process], timeout=PATIENCE_S)
        if not alive:
            return True
    return False

"""Which processes are ours, on disk, for the start after a crash."""

import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.supervisor.home import write_private_file

CLOCK_TOLERANCE_S = 0.05


@dataclass
class ProcessRecord:
    """Processes that run for one home; the file is gone when there are none."""

    path: Path
    entries: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, name: str, pid: int) -> None:
        with contextlib.suppress(psutil.Error):
            self.entries[name] = {"pid": pid, "created": psutil.Process(pid).create_time()}
        self._write()

    def remove(self, name: str) -> None:
        self.entries.pop(name, None)
        self._write()

    def _write(self) -> None:
        if not self.entries:
            self.path.unlink(missing_ok=True)
            return
        write_private_file(self.path, json.dumps(self.entries))


def await_leftovers(path: Path, *, patience_s: float = 20.0) -> list[int]:
    """Wait for processes of a killed supervisor to end as the kernel told them to; end the rest.

    Returns the pids that had to be killed.
    """
    _, living = psutil.wait_procs(_recorded(path), timeout=patience_s)
    for process in living:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(living, timeout=5)
    path.unlink(missing_ok=True)
    return [process.pid for process in living]


def _recorded(path: Path) -> list[psutil.Process]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8")).values()
    except (FileNotFoundError, ValueError, AttributeError):
        return []
    found = []
    for entry in entries:
        with contextlib.suppress(psutil.Error, KeyError, TypeError, ValueError):
            process = psutil.Process(int(entry["pid"]))
            # A pid alone proves nothing: it may have been given to somebody else since.
            if abs(process.create_time() - entry["created"]) < CLOCK_TOLERANCE_S:
                found.append(process)
    return found

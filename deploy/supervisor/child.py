"""Start, watch and stop one process that this program owns."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.supervisor.errors import SupervisorError

LAUNCHER = Path(__file__).with_name("launch.py")
MAX_LOG_BYTES = 16 * 1024 * 1024
POLL_S = 0.02


@dataclass(frozen=True)
class ChildSpec:
    """What to run and how to end it."""

    name: str
    argv: tuple[str, ...]
    log_file: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 20.0
    account: tuple[int, int] | None = None


class Child:
    """A running process in a session of its own, so that Ctrl-C reaches only the supervisor."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.started_at = time.monotonic()
        self._is_asked = False
        self._process = _spawn(spec)

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Exit status, or None while it runs; negative is the signal that ended it."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send the stop signal, once: to Celery a second one means at once."""
        if not self._is_asked:
            self._is_asked = True
            self.signal(self.spec.stop_signal)

    def signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            self._process.send_signal(number)

    def stop(self) -> int:
        """Ask, wait, then insist; whatever it left in its process group goes too."""
        self.ask_to_stop()
        status = self.wait(self.spec.stop_timeout_s)
        if status is None:
            self.signal(signal.SIGKILL)
            status = self._process.wait()
        self.sweep()
        return status

    def wait(self, timeout_s: float) -> int | None:
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def sweep(self) -> None:
        """End members of the group that outlived their leader (workers of a killed master)."""
        if self.poll() is None:
            return
        for number, patience_s in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 1.0)):
            if not _signal_group(self.pid, number):
                return
            deadline = time.monotonic() + patience_s
            while time.monotonic() < deadline and _signal_group(self.pid, None):
                time.sleep(POLL_S)


def run_to_end(spec: ChildSpec, *, timeout_s: float) -> None:
    """Run a short program (initdb) under the same protection; raise if it fails."""
    child = Child(spec)
    try:
        status = child.wait(timeout_s)
    except BaseException:
        child.stop()
        raise
    if status is None:
        child.stop()
        raise SupervisorError(f"{spec.name} took longer than {timeout_s:.0f} s; {_see(spec)}.")
    if status != 0:
        raise SupervisorError(f"{spec.name} failed ({last_line(spec.log_file)}); {_see(spec)}.")


def last_line(log_file: Path, *, tail_bytes: int = 4096) -> str:
    """Last line a process wrote, for a one-sentence report."""
    try:
        with log_file.open("rb") as file:
            file.seek(max(0, log_file.stat().st_size - tail_bytes))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return "no log"
    written = [line.strip() for line in lines if line.strip()]
    return written[-1][:200] if written else "nothing in its log"


def _spawn(spec: ChildSpec) -> "subprocess.Popen[bytes]":
    uid, gid = spec.account or (None, None)
    options = {
        "parent": os.getpid(),
        "death_signal": int(spec.stop_signal),
        "uid": uid,
        "gid": gid,
    }
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(options)]
    _rotate(spec.log_file)
    descriptor = os.open(
        spec.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    with os.fdopen(descriptor, "ab") as log:
        return subprocess.Popen(  # noqa: S603 programs of this installation, no shell
            [*launcher, *spec.argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(spec.environ),
            cwd=spec.cwd,
            start_new_session=True,
        )


def _rotate(log_file: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log_file.stat().st_size > MAX_LOG_BYTES:
            log_file.replace(log_file.with_suffix(".log.1"))


def _signal_group(group: int, number: signal.Signals | None) -> bool:
    """Signal a process group of ours; False when it has no members left."""
    try:
        os.killpg(group, number or 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _see(spec: ChildSpec) -> str:
    return f"see {spec.log_file}"

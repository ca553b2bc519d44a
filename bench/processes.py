"""Processes of the servers that the bench starts."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.clients import Request, Target

PATIENCE_S = 180


class ServerError(Exception):
    """A server could not be started."""


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory_mb(pids: tuple[int, ...]) -> float:
    """Return the proportional set size of processes and all that they started, in MB."""
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        if psutil.pid_exists(pid):
            root = psutil.Process(pid)
            found |= {one.pid: one for one in (root, *root.children(recursive=True))}
    total = 0
    for one in found.values():
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6


@contextmanager
def running(
    command: list[str], environ: dict[str, str], log: Path, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the length of a block, in a session of its own; it ends by SIGINT."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 our own commands
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(target: Target, path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask until the server answers; raise ServerError with the end of its log where it does not."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if target.ask(Request("GET", path)).status == 200:
                return
        except OSError:
            pass
        time.sleep(0.3)
    tail = log.read_text(errors="replace")[-600:]
    raise ServerError(f"{target.name} did not start: {tail}")

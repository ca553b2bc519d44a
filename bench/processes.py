"""Processes of the servers that the bench starts."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import psutil

from bench.clients import Request, Target
from deploy.supervisor import launch

PATIENCE_S = 180
STOP_S = 60
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_children: list[subprocess.Popen[bytes]] = []


class ServerError(Exception):
    """A server could not be started."""


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory_mb(pids: tuple[int, ...]) -> float:
    """Return the proportional set size of processes and all that they started, in MB."""
    total = 0
    for one in _family(pids):
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6


def processor_seconds(pids: tuple[int, ...]) -> float:
    """Return the processor's time that processes and all that they started have had."""
    total = 0.0
    for one in _family(pids):
        try:
            # With that of children that have ended and were waited for.
            total += sum(one.cpu_times()[:4])
        except psutil.Error:
            continue
    return total


def _family(pids: tuple[int, ...]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        if psutil.pid_exists(pid):
            root = psutil.Process(pid)
            found |= {one.pid: one for one in (root, *root.children(recursive=True))}
    return list(found.values())


def end_by_signals() -> None:
    """Have Ctrl-C, SIGTERM and a closed terminal end the bench, and what it started first.

    Also where a shell has put it in the background, for which SIGINT is ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _STOPS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    for one in _STOPS:
        signal.signal(one, signal.SIG_IGN)  # once: what stops and clears away is not broken off
    stop_children()
    raise SystemExit(128 + number)


def stop_children() -> None:
    """Stop what still runs, the latest first."""
    while _children:
        _stop(_children[-1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process in _children:
        _children.remove(process)


def _launched(command: list[str]) -> list[str]:
    """Return the command that dies with the bench, even where that is killed outright."""
    program = shutil.which(command[0]) or command[0]
    options = {"uid": None, "gid": None, "parent": os.getpid(), "death_signal": int(signal.SIGINT)}
    launcher = [sys.executable, "-I", "-S", launch.__file__, json.dumps(options)]
    return [*launcher, program, *command[1:]]


@contextmanager
def running(
    command: list[str], environ: dict[str, str], log: Path, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the length of a block, in a session of its own; it ends by SIGINT.

    It also ends with the bench: by a signal (`end_by_signals`), and where that is killed.
    """
    end_by_signals()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 our own commands
            _launched(command),
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _children.append(process)
        try:
            yield process
        finally:
            _stop(process)


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

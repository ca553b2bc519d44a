"""Connections spread evenly over the web processes.

The system deals new connections out by chance: of four, three or all belong to the same one of
two processes more often than not, and a process runs one thread of Python at a time. So each
process writes down what it has in hand, and one that has clearly more than another ends the
connection of the answer it is giving. The client opens a new one, which may go elsewhere.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import struct
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

MAX_PROCESSES = 64
WINDOW_S = 0.05
# Requests in hand beyond another's, on the mean of a window. One connection that moves makes a
# difference of two, so less than that is never worth it.
_SURPLUS = 1.5
# Requests x seconds so far, requests now, since when; since 0: nobody was ever here.
_PLACE = struct.Struct("=ddd")


class NoPlaceError(RuntimeError):
    """Too many processes share one folder."""


class Burden:
    """What this process and those beside it have in hand.

    Parameters
    ----------
    folder
        shared by the processes of one program, empty when it starts
    clock
        seconds, the same for all processes of the machine
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._folder = folder
        self._lock = threading.Lock()
        size = MAX_PROCESSES * _PLACE.size
        descriptor = os.open(folder / "burdens", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, size)
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        # The lock is ours until the process ends, however it ends.
        self._number, self._held = self._take_place()
        self._area, self._now, self._since = 0.0, 0, clock()
        self._write()
        self._looked = self._since
        self._seen = self._areas(self._since)
        self._too_many = 0

    def begin(self) -> None:
        """Note that a request has come."""
        with self._lock:
            self._step(1)

    def end(self) -> None:
        """Note that its answer begins."""
        with self._lock:
            self._step(-1)

    def is_too_much(self) -> bool:
        """Whether the connection of the answer that begins should go elsewhere."""
        with self._lock:
            now = self._clock()
            if now - self._looked >= WINDOW_S:
                self._too_many = self._surplus(now)
            if self._too_many == 0:
                return False
            self._too_many -= 1
            return True

    def _take_place(self) -> tuple[int, int]:
        for number in range(MAX_PROCESSES):
            held = self._hold(number)
            if held is not None:
                return number, held
        message = f"More than {MAX_PROCESSES} web processes share one folder."
        raise NoPlaceError(message)

    def _hold(self, number: int) -> int | None:
        name = self._folder / f"burden-{number}.lock"
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def _step(self, step: int) -> None:
        now = self._clock()
        self._area += self._now * (now - self._since)
        self._now, self._since = self._now + step, now
        self._write()

    def _write(self) -> None:
        place = self._number * _PLACE.size
        _PLACE.pack_into(self._map, place, self._area, self._now, self._since)

    def _areas(self, now: float) -> dict[int, float]:
        return {
            number: area + in_hand * (now - since)
            for number, (area, in_hand, since) in enumerate(_PLACE.iter_unpack(self._map[:]))
            if since
        }

    def _surplus(self, now: float) -> int:
        """Say how many connections too many there are, by the means since the last look."""
        areas, before, seconds = self._areas(now), self._seen, now - self._looked
        self._seen, self._looked = areas, now
        # Less than before: another process has the place since.
        means = {
            number: max(0.0, area - before[number]) / seconds
            for number, area in areas.items()
            if number in before
        }
        mine = means.pop(self._number)
        for number, mean in sorted(means.items(), key=lambda one: one[1]):
            if mine - mean < _SURPLUS:
                break
            if self._is_alive(number):
                return max(1, int((mine - mean) / 2))
        return 0

    def _is_alive(self, number: int) -> bool:
        held = self._hold(number)
        if held is not None:
            os.close(held)
        return held is None


class Balanced:
    """A WSGI application whose process gives away connections that are too many.

    Parameters
    ----------
    application
        what answers
    burden
        of this process
    """

    def __init__(self, application: WSGIApplication, burden: Burden) -> None:
        self._application = application
        self._burden = burden

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer; only HTTP/1.1 has connections that an answer can end."""
        burden = self._burden
        if environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
            start_response = self._ending(start_response)
        burden.begin()
        try:
            return self._application(environ, start_response)
        finally:
            burden.end()

    def _ending(self, start_response: StartResponse) -> StartResponse:
        def start(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            if self._burden.is_too_much():
                headers = [*headers, ("Connection", "close")]
            return start_response(status, headers, *rest)  # type: ignore[arg-type]

        return start  # type: ignore[return-value]


def balanced(application: WSGIApplication, folder: Path) -> WSGIApplication:
    """Return the application, its process beside the others that share the folder.

    Of very many processes the last ones keep what they are dealt: they serve all the same.
    """
    try:
        return Balanced(application, Burden(folder))
    except NoPlaceError as error:
        logger.warning("%s", error)
        return application

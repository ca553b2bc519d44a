"""Ctrl-C and SIGTERM as a wish that is looked at when it suits, or at once."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """The person in charge wants an end; raised inside `StopWish.breaking()` only."""


class StopWish:
    """Whether somebody asked us to stop. Handlers are set while it is entered (main thread)."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._breaks = False

    @property
    def is_made(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not longer than until the wish is made."""
        return self._event.wait(seconds)

    @contextlib.contextmanager
    def listening(self) -> Iterator["StopWish"]:
        # nohup's wish counts, too. SIGINT is always ours: shells ignore it for all that they put
        # in the background, and whoever sends it there means it.
        ignores_hangup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        wanted = [n for n in STOP_SIGNALS if n != signal.SIGHUP or not ignores_hangup]
        previous = {number: signal.signal(number, self._on_signal) for number in wanted}
        try:
            yield self
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def breaking(self) -> Iterator[None]:
        """Let a signal break off what happens inside (a long wait for a start)."""
        if self.is_made:
            raise StopRequested
        self._breaks = True
        try:
            yield
        finally:
            self._breaks = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()
        if self._breaks:
            self._breaks = False  # once: what cleans up afterwards must not be broken off
            raise StopRequested

"""Waiting for what happens instead of looking every millisecond.

pynetdicom's two threads an association poll a thousand times a second each: a few dozen idle
associations eat a core, and each message waits for the next look. Here both sleep until there is
something to do.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from pynetdicom.dul import DULServiceProvider

if TYPE_CHECKING:
    from collections.abc import Callable

ItemT = TypeVar("ItemT")

# Timers are looked at this often.
LOOK_AGAIN_S = 0.05
MAX_QUEUED_PDUS = 32
# Looks at what the peer sends while there is something to send to it.
LISTEN_EVERY = 8
# A peer that reads nothing for so long is given up.
FULL_TIMEOUT_S = 60.0


class WakingQueue(queue.Queue[ItemT]):
    """A queue that wakes its reader, who waits for other things too."""

    def __init__(self, wake: Callable[[], None], *, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._wake = wake

    def put(self, item: ItemT, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 as queue.Queue has it
        """Put the item and wake the reader; a full queue is waited for, not for ever."""
        super().put(item, block, timeout or (FULL_TIMEOUT_S if self.maxsize else None))
        self._wake()


class WaitingDul(DULServiceProvider):
    """Sleeps until the peer or our own side sends, or a timer may have run out."""

    def __init__(self, assoc: Any, wake_user: Callable[[], None]) -> None:
        super().__init__(assoc)
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._pipe_lock = threading.Lock()
        self._is_open = True
        self._sent = 0
        # A file, or the answers to a query, are not read into memory first.
        self.to_provider_queue = WakingQueue(self._wake, maxsize=MAX_QUEUED_PDUS)
        self.to_user_queue = WakingQueue(wake_user)

    @property
    def _run_loop_delay(self) -> float:
        """Seconds that the reactor's loop still has to sleep: none, the waiting was done here."""
        if threading.current_thread() is not self:
            return 0.001
        if not self.event_queue.empty() or (self.socket is not None and self.socket.ready):
            # Among it what was read before the association began: no descriptor tells of that.
            return 0.0
        connection = self.socket.socket if self.socket is not None else None
        descriptor = connection.fileno() if connection is not None else -1
        if descriptor < 0:
            return 0.005
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(self._wake_reader, select.POLLIN)
        for ready, _ in poll.poll(LOOK_AGAIN_S * 1000):
            if ready == self._wake_reader:
                os.read(self._wake_reader, 4096)
        return 0.0

    @_run_loop_delay.setter
    def _run_loop_delay(self, seconds: float) -> None:
        """Take what the base class sets, and leave it unused."""

    def _process_recv_primitive(self) -> bool:
        """Send what waits, but hear the peer now and then: it may cancel what it is sent."""
        self._sent += 1
        if self._sent % LISTEN_EVERY == 0 and self.socket is not None and self.socket.ready:
            return False
        return super()._process_recv_primitive()

    def run_reactor(self) -> None:
        """Run until the association is over, and give the descriptors back."""
        try:
            super().run_reactor()
        finally:
            with self._pipe_lock:
                os.close(self._wake_reader)
                os.close(self._wake_writer)
                self._is_open = False

    def _wake(self) -> None:
        # Under the lock: the number of a closed descriptor may be another file's by now.
        with self._pipe_lock, contextlib.suppress(BlockingIOError):
            if self._is_open:
                os.write(self._wake_writer, b"\0")

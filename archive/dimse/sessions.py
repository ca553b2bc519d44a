"""Connections to the database for requests that are answered in an association's own thread.

An association often lasts for one query only: opening a connection for each costs more than the
query does, and a statement is prepared once a connection.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, connections

from archive.access.selectors import rights_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

MAX_SESSIONS = 8


class Sessions:
    """A few connections that associations borrow, one at a time each."""

    def __init__(self, *, most: int = MAX_SESSIONS) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._idle: list[BaseDatabaseWrapper] = []
        self._lock = threading.Lock()
        self._is_open = True

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """Ask the database within the block; an asker's memberships are read once in it."""
        with self._free:
            wrapper = self._borrow()
            before = connections[DEFAULT_DB_ALIAS] if _has_own() else None
            connections[DEFAULT_DB_ALIAS] = wrapper
            try:
                with rights_kept():
                    yield
            finally:
                if before is None:
                    del connections[DEFAULT_DB_ALIAS]
                else:
                    connections[DEFAULT_DB_ALIAS] = before
                self._give_back(wrapper)

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        with self._lock:
            self._is_open = False
            idle, self._idle = self._idle, []
        for wrapper in idle:
            wrapper.close()

    def _borrow(self) -> BaseDatabaseWrapper:
        with self._lock:
            wrapper = self._idle.pop() if self._idle else None
        if wrapper is None:
            wrapper = connections.create_connection(DEFAULT_DB_ALIAS)
            # Several threads use it, one after the other.
            wrapper.inc_thread_sharing()
        # One that is old or broken is closed, and opened again by the first statement.
        wrapper.close_if_unusable_or_obsolete()
        return wrapper

    def _give_back(self, wrapper: BaseDatabaseWrapper) -> None:
        with contextlib.suppress(Exception):
            # After an error nobody knows in which state it is; a query may be left in mid-answer.
            if wrapper.errors_occurred or wrapper.in_atomic_block or wrapper.needs_rollback:
                wrapper.close()
        with self._lock:
            if self._is_open:
                self._idle.append(wrapper)
                return
        wrapper.close()


def _has_own() -> bool:
    """Whether this thread already has a connection of its own."""
    return bool(connections.all(initialized_only=True))

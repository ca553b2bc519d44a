"""What was read of tokens and memberships, kept for some seconds and forgotten on any change.

The database sends a notice whenever such a row changes (migration 0009), whoever changed it and
how. One thread a process listens; while it doesn't, nothing is kept. A notice takes about a
millisecond, and `TWINSIGHT_RIGHTS_KEPT_S` bounds what a silent break of the network may cost.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any, Generic, TypeVar

import psycopg
from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
_CHANNEL = "twinsight_rights"
_WAIT_S = 1.0
_MAX_KEPT = 10_000


class RightsWatch:
    """Listens to the database; its revision changes with every notice."""

    def __init__(self) -> None:
        self.revision = 0
        self.is_listening = False
        self._thread: threading.Thread | None = None
        self._is_stopping = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to listen, once a process."""
        with self._lock:
            if self._thread is None:
                parameters = connection.get_connection_params()
                for django_own in ("cursor_factory", "context", "prepare_threshold"):
                    parameters.pop(django_own, None)
                self._thread = threading.Thread(
                    target=self._run, args=(parameters,), name="rights-watch", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection."""
        with self._lock:
            self._is_stopping.set()
            if self._thread is not None:
                self._thread.join()
            self._thread = None
            self._is_stopping.clear()

    def changed(self) -> None:
        """Forget everything kept in this process."""
        self.revision += 1

    def _run(self, parameters: dict[str, Any]) -> None:
        while not self._is_stopping.is_set():
            try:
                with psycopg.connect(**parameters, autocommit=True) as watcher:
                    self._listen(watcher)
            except psycopg.Error:
                logger.warning("changes of rights can't be listened to; nothing is kept meanwhile")
            finally:
                self.is_listening = False
                self.changed()
            self._is_stopping.wait(_WAIT_S)

    def _listen(self, watcher: psycopg.Connection[Any]) -> None:
        watcher.execute(f"LISTEN {_CHANNEL}")
        self.changed()
        self.is_listening = True
        while not self._is_stopping.is_set():
            for _ in watcher.notifies(timeout=_WAIT_S, stop_after=1):
                self.changed()


watch = RightsWatch()


def _begin_anew() -> None:
    """Forget the parent's thread and lock: a forked process has neither, and what it kept."""
    revision = watch.revision
    RightsWatch.__init__(watch)
    watch.revision = revision + 1


os.register_at_fork(after_in_child=_begin_anew)


class Kept(Generic[KeyT, ValueT]):
    """A small memory of rows that grant something."""

    def __init__(self) -> None:
        self._values: dict[KeyT, tuple[int, float, ValueT]] = {}

    def get(self, key: KeyT) -> ValueT | None:
        """Return what is kept, if nothing changed since it was read."""
        if not _may_keep():
            return None
        kept = self._values.get(key)
        if kept is None:
            return None
        revision, until, value = kept
        return value if revision == watch.revision and time.monotonic() < until else None

    def put(self, key: KeyT, value: ValueT, revision: int) -> None:
        """Keep what was read when the watch had that revision."""
        if not _may_keep():
            return
        if len(self._values) >= _MAX_KEPT:
            self._values.clear()
        self._values[key] = (revision, time.monotonic() + settings.TWINSIGHT_RIGHTS_KEPT_S, value)


def _may_keep() -> bool:
    """Whether a change would be heard of: none made in an open transaction is."""
    if settings.TWINSIGHT_RIGHTS_KEPT_S <= 0 or connection.in_atomic_block:
        return False
    if not watch.is_listening:
        watch.start()
    return watch.is_listening

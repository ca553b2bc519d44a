"""Hear from the database that there are events to tell: one thread a process."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from typing import Any

import psycopg
from django.db import connection

from inference.workitems.events import CHANNEL

logger = logging.getLogger(__name__)

_WAIT_S = 1.0


class EventWatch:
    """Counts, for each application entity, how often there was news."""

    def __init__(self) -> None:
        self._news: defaultdict[str, int] = defaultdict(int)
        self._changed = threading.Condition()
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None
        # While it doesn't hear, who waits has to look by itself.
        self.is_listening = False

    def start(self) -> None:
        """Begin to listen."""
        parameters = connection.get_connection_params()
        for django_own in ("cursor_factory", "context", "prepare_threshold"):
            parameters.pop(django_own, None)
        self._thread = threading.Thread(
            target=self._run, args=(parameters,), name="event-watch", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection."""
        self._is_stopping.set()
        if self._thread is not None:
            self._thread.join()

    def news_of(self, ae_title: str) -> int:
        """Return a number that is another one as soon as there is news."""
        with self._changed:
            return self._news[ae_title]

    def wait(self, ae_title: str, known: int, timeout_s: float) -> bool:
        """Wait until there is news; False where there was none in that time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._news[ae_title] != known, timeout_s)

    def _note(self, ae_title: str) -> None:
        with self._changed:
            self._news[ae_title] += 1
            self._changed.notify_all()

    def _note_all(self) -> None:
        with self._changed:
            for title in self._news:
                self._news[title] += 1
            self._changed.notify_all()

    def _run(self, parameters: dict[str, Any]) -> None:
        while not self._is_stopping.is_set():
            try:
                with psycopg.connect(**parameters, autocommit=True) as watcher:
                    self._listen(watcher)
            except psycopg.Error:
                logger.warning("news of workitems can't be listened to; they are looked for")
            finally:
                self.is_listening = False
            self._is_stopping.wait(_WAIT_S)

    def _listen(self, watcher: psycopg.Connection[Any]) -> None:
        watcher.execute(f"LISTEN {CHANNEL}")
        # What was written while nobody listened.
        self._note_all()
        self.is_listening = True
        while not self._is_stopping.is_set():
            for notice in watcher.notifies(timeout=_WAIT_S, stop_after=1):
                self._note(notice.payload)

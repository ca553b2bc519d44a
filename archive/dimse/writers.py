"""A few threads that store what all associations receive, several instances a transaction."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.db import close_old_connections, connection, connections

from archive.ingest.services import ingest_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive.ingest.types import IncomingFile, IngestResult, Origin

    Ingest = Callable[..., list[IngestResult]]

ResultT = TypeVar("ResultT")
BATCH_FILES = 16
# Asking the database whether it is there costs as much as a small query of the store itself.
CHECK_EVERY_S = 5.0
_checked = threading.local()


@dataclass(frozen=True)
class _Store:
    file: IncomingFile
    origin: Origin
    future: Future[IngestResult] = field(default_factory=Future)


@dataclass(frozen=True)
class _Call:
    function: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)


class Writers:
    """Takes one instance from each of many associations and commits them together.

    One connection to the database a writer, however many associations there are.
    """

    def __init__(self, *, threads: int = 2, ingest: Ingest = ingest_files) -> None:
        self._ingest = ingest
        self._jobs: queue.Queue[_Store | _Call | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._run, name=f"dimse-writer-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def store(self, file: IncomingFile, origin: Origin) -> IngestResult:
        """Store one instance; return once it is committed or refused."""
        job = _Store(file, origin)
        self._jobs.put(job)
        return job.future.result()

    def call(self, function: Callable[[], ResultT]) -> ResultT:
        """Run a function that asks the database; return what it returns."""
        job = _Call(function)
        self._jobs.put(job)
        return cast("ResultT", job.future.result())

    def close(self) -> None:
        """Finish what was handed in and end the threads."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            jobs, is_open = self._next_jobs()
            groups: dict[Origin, list[_Store]] = {}
            for job in jobs:
                if isinstance(job, _Store):
                    groups.setdefault(job.origin, []).append(job)
                else:
                    self._finish([job.future], partial(_call, job.function))
            for origin, group in groups.items():
                files = [job.file for job in group]
                ingest = partial(self._ingest, files=files, origin=origin)
                self._finish([job.future for job in group], ingest)
        connections.close_all()

    def _next_jobs(self) -> tuple[list[_Store | _Call], bool]:
        """Wait for a job, and take along what waits behind it."""
        jobs: list[_Store | _Call] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == BATCH_FILES:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    @staticmethod
    def _finish(futures: list[Future[Any]], work: Callable[[], list[Any]]) -> None:
        """Give each future its result, or all of them the error: a writer never dies of a job."""
        try:
            _check_connection()
            for future, result in zip(futures, work(), strict=True):
                future.set_result(result)
        except Exception as error:  # noqa: BLE001 told to who asked
            for future in futures:
                if not future.done():
                    future.set_exception(error)


def _check_connection() -> None:
    """Drop a connection that is broken or old; a look now and then is enough, and after errors."""
    now = time.monotonic()
    if connection.errors_occurred or now - getattr(_checked, "at", 0.0) > CHECK_EVERY_S:
        close_old_connections()
        _checked.at = now


def _call(function: Callable[[], Any]) -> list[Any]:
    return [function()]

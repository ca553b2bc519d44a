"""Requests that store at the same time share one statement and one commit.

Whoever comes while nobody stores goes at once; whoever comes meanwhile waits, and all who waited
go together with the first of them. So nobody waits for company, and a busy moment costs the
database one round trip and one flush of its log instead of one for each.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from django.db import DatabaseError

from archive.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Stored = list[bool]

StudyT = TypeVar("StudyT")
# Studies in one statement: their rows stay locked until all of them are committed.
MAX_STUDIES = 32


@dataclass
class _Job(Generic[StudyT]):
    studies: list[tuple[str, StudyT]]
    is_up: threading.Event = field(default_factory=threading.Event)
    stored: Stored | None = None
    is_alone: bool = False


class Together(Generic[StudyT]):
    """Collects what several threads store at once.

    Parameters
    ----------
    store
        commits a list of studies in one statement and says of each whether it was stored
    """

    def __init__(self, store: Callable[[Sequence[StudyT]], Stored]) -> None:
        self._store = store
        self._waiting: deque[_Job[StudyT]] = deque()
        self._is_busy = False
        self._lock = threading.Lock()

    def store(self, studies: list[tuple[str, StudyT]]) -> Stored:
        """Store studies (each with its UID) with those of whoever waits too.

        Raises
        ------
        DatabaseError, StorageError
            Database or disk refused these studies; those of others don't suffer for it.
        """
        job = _Job(studies)
        with self._lock:
            self._waiting.append(job)
            is_waiting, self._is_busy = self._is_busy, True
        if is_waiting:
            job.is_up.wait()
        if job.stored is None and not job.is_alone:
            self._store_all(job)
        if job.is_alone:
            return self._store([study for _, study in job.studies])
        return job.stored or []

    def _store_all(self, mine: _Job[StudyT]) -> None:
        """Store what waits, this thread's own first, and call the next one up."""
        jobs = self._take(mine)
        try:
            # In one order of studies everywhere, so that two statements never wait in a ring.
            order = sorted(
                (uid, number, place)
                for number, job in enumerate(jobs)
                for place, (uid, _) in enumerate(job.studies)
            )
            stored = self._store([jobs[number].studies[place][1] for _, number, place in order])
            answers: list[dict[int, bool]] = [{} for _ in jobs]
            for (_, number, place), is_stored in zip(order, stored, strict=True):
                answers[number][place] = is_stored
            for job, answer in zip(jobs, answers, strict=True):
                job.stored = [answer[place] for place in range(len(job.studies))]
        except (DatabaseError, StorageError):
            if len(jobs) == 1:
                raise
        finally:
            self._call_up(mine, jobs)

    def _take(self, mine: _Job[StudyT]) -> list[_Job[StudyT]]:
        with self._lock:
            self._waiting.remove(mine)
            jobs, count = [mine], len(mine.studies)
            while self._waiting and count + len(self._waiting[0].studies) <= MAX_STUDIES:
                job = self._waiting.popleft()
                jobs.append(job)
                count += len(job.studies)
            return jobs

    def _call_up(self, mine: _Job[StudyT], jobs: list[_Job[StudyT]]) -> None:
        """Tell who was served, or has to go alone, and let the first who waits go next."""
        for job in jobs:
            job.is_alone = job.stored is None
            if job is not mine:
                job.is_up.set()
        with self._lock:
            self._is_busy = bool(self._waiting)
            if self._waiting:
                self._waiting[0].is_up.set()

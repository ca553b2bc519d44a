"""Group commit: the threads between associations and ingest."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from archive.dimse.writers import BATCH_FILES, Writers
from archive.ingest.types import IngestResult, Origin, Outcome

HERE, THERE = Origin(door="dimse", source="A"), Origin(door="dimse", source="B")


class Ingest:
    """Records batches; the first call waits, so that others pile up behind it."""

    def __init__(self) -> None:
        self.batches: list[tuple[Origin, list[str]]] = []
        self.first = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, *, files, origin):
        self.batches.append((origin, [file.name for file in files]))
        if not self.first.is_set():
            self.first.set()
            self.go_on.wait(10)
        if any(file.name == "poison" for file in files):
            raise RuntimeError("broken")
        return [IngestResult(outcome=Outcome.STORED, name=file.name) for file in files]


@pytest.fixture
def ingest():
    return Ingest()


@pytest.fixture
def writers(ingest, transactional_db):
    writers = Writers(threads=1, ingest=ingest)
    yield writers
    ingest.go_on.set()
    writers.close()


def _file(name: str):
    return SimpleNamespace(name=name)


def _store_behind(ingest, writers, jobs):
    """Store one instance, let the others wait behind it, and return their outcomes."""
    with ThreadPoolExecutor(len(jobs) + 1) as pool:
        head = pool.submit(writers.store, _file("head"), HERE)
        ingest.first.wait(10)
        futures = [pool.submit(writers.store, _file(name), origin) for name, origin in jobs]
        while writers._jobs.qsize() < len(jobs):
            pass
        ingest.go_on.set()
        head.result(10)
        return [future.exception(10) or future.result() for future in futures]


def test_what_waits_is_stored_together(ingest, writers):
    results = _store_behind(ingest, writers, [(str(number), HERE) for number in range(5)])

    assert {result.name for result in results} == {"0", "1", "2", "3", "4"}
    assert len(ingest.batches) == 2
    assert sorted(ingest.batches[1][1]) == ["0", "1", "2", "3", "4"]


def test_each_gets_its_own_result(ingest, writers):
    results = _store_behind(ingest, writers, [(str(number), HERE) for number in range(5)])

    assert [result.name for result in results] == ["0", "1", "2", "3", "4"]


def test_origins_are_never_mixed(ingest, writers):
    _store_behind(ingest, writers, [("a", HERE), ("b", THERE), ("c", HERE), ("d", THERE)])

    by_origin = {origin.source: sorted(names) for origin, names in ingest.batches[1:]}
    assert by_origin == {"A": ["a", "c"], "B": ["b", "d"]}


def test_batches_are_bounded(ingest, writers):
    _store_behind(ingest, writers, [(str(number), HERE) for number in range(BATCH_FILES + 3)])

    assert max(len(names) for _, names in ingest.batches) == BATCH_FILES


def test_error_is_told_to_who_waits_and_the_writer_lives_on(ingest, writers):
    results = _store_behind(ingest, writers, [("poison", HERE), ("good", THERE)])

    assert isinstance(results[0], RuntimeError)
    assert results[1].outcome is Outcome.STORED


def test_calls_run_there_too(writers, ingest):
    ingest.go_on.set()

    assert writers.call(lambda: threading.current_thread().name).startswith("dimse-writer")
    with pytest.raises(ZeroDivisionError):
        writers.call(lambda: 1 // 0)


def test_close_finishes_what_was_handed_in(ingest, transactional_db):
    ingest.go_on.set()
    writers = Writers(threads=2, ingest=ingest)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(writers.store, _file(str(n)), HERE) for n in range(8)]
        results = [future.result(10) for future in futures]
        writers.close()

    assert all(result.is_accepted for result in results)

import threading

import pytest

from inference.pipelines.ahead import done_ahead, threads_here


def test_results_come_in_the_order_of_the_items():
    first_may_end = threading.Event()

    def work(item):
        if item == 0:
            first_may_end.wait(30)
        else:
            first_may_end.set()
        return item * 2

    assert list(done_ahead(work, range(20), threads=2)) == [item * 2 for item in range(20)]


def test_work_goes_on_while_the_reader_is_busy():
    """The network holds the first image; the others are decoded meanwhile."""
    ready = threading.Semaphore(0)

    def work(item):
        ready.release()
        return item

    results = done_ahead(work, range(8), threads=1, waiting=4)
    assert next(results) == 0
    for _ in range(4):
        assert ready.acquire(timeout=30)
    assert list(results) == list(range(1, 8))


def test_no_more_waits_than_allowed():
    begun = []

    def work(item):
        begun.append(item)
        return item

    results = done_ahead(work, range(100), threads=2, waiting=5)
    next(results)
    assert len(begun) <= 5
    results.close()
    assert len(begun) <= 5


def test_error_is_raised_where_the_result_would_be():
    def work(item):
        if item == 2:
            raise ValueError("no image")
        return item

    results = done_ahead(work, range(4), threads=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="no image"):
        next(results)


def test_nothing_gives_nothing():
    assert list(done_ahead(str, [])) == []


def test_at_least_one_thread_prepares():
    assert 1 <= threads_here() <= 8

"""Waiting for the disk in several threads at once: it serves many requests as quickly as one."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

ItemT = TypeVar("ItemT")
# Past this a disk of our kind gets no faster.
THREADS = 8


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="blob-sync")


# A forked process has the pool's object and none of its threads.
os.register_at_fork(after_in_child=_pool.cache_clear)


def begin(work: Callable[[ItemT], None], item: ItemT) -> Future[None]:
    """Start the work on an item in another thread."""
    return _pool().submit(work, item)


def done(work: Callable[[ItemT], None], item: ItemT) -> Future[None]:
    """Do the work on an item here and now; what came of it, an error too, stays known."""
    future: Future[None] = Future()
    try:
        work(item)
    except OSError as error:
        future.set_exception(error)
    else:
        future.set_result(None)
    return future


def at_once(work: Callable[[ItemT], None], items: Collection[ItemT]) -> None:
    """Do the work on every item, several at a time; raise the first error once all are done."""
    if len(items) <= 1:
        for item in items:
            work(item)
        return
    futures = [begin(work, item) for item in items]
    errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error

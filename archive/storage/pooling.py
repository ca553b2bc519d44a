"""Waiting for the network in several threads at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from concurrent.futures import Future

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
# Work of one pool may wait for work of the next, never for its own.
OBJECTS, AHEAD, PARTS = "objects", "ahead", "parts"
_THREADS = {OBJECTS: 16, AHEAD: 8, PARTS: 4}


@lru_cache(maxsize=len(_THREADS))
def _pool(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS[name], thread_name_prefix=f"blob-{name}")


# A forked process has the pools' objects and none of their threads.
os.register_at_fork(after_in_child=_pool.cache_clear)


def start(pool: str, work: Callable[[ItemT], ResultT], item: ItemT) -> Future[ResultT]:
    """Start the work on an item in another thread."""
    return _pool(pool).submit(work, item)


def in_threads(work: Callable[[ItemT], ResultT], items: Collection[ItemT]) -> list[ResultT]:
    """Do the work on every item, several at a time; raise the first error once all are done."""
    if len(items) <= 1:
        return [work(item) for item in items]
    futures = [start(OBJECTS, work, item) for item in items]
    for future in futures:
        future.exception()
    return [future.result() for future in futures]

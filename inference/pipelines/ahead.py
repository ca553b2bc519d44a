"""Work done ahead of whoever uses it: images are decoded while the network is busy."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Decoders and networks both leave Python's lock while they work; half of the cores decode.
MAX_THREADS = 8
_WAITING_A_THREAD = 8


def threads_here() -> int:
    """Return how many threads may prepare images beside a network on this machine.

    Returns
    -------
    1 to 8: half of the processors that this process may use
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    return max(1, min(MAX_THREADS, processors // 2))


def done_ahead(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int | None = None,
    waiting: int | None = None,
) -> Iterator[Result]:
    """Do the work for each item in other threads, a little ahead of the reader.

    Parameters
    ----------
    work : called once an item, in any thread; it must not use the database
    items : read in this thread, no faster than results are taken
    threads : how many; `threads_here` if absent
    waiting : results that may wait for the reader at once, which bounds the memory

    Yields
    ------
    results in the order of the items; an error of the work is raised where its result would be

    Notes
    -----
    A reader that stops early waits for what was begun, and nothing new begins.
    """
    count = threads or threads_here()
    limit = waiting or count * _WAITING_A_THREAD
    begun: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=count, thread_name_prefix="ahead") as pool:
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) >= limit:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

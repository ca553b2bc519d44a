"""While a run's model works: say that the worker is alive, and break off where somebody asks."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, InterfaceError, connection

from inference.runs.claiming import keep_claim
from inference.runs.timing import HEARTBEAT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.models import Run

logger = logging.getLogger(__name__)


class RunStoppedError(BaseException):
    """Somebody cancelled the run, or it is another worker's by now.

    Not an Exception: a model's own code must not take it for one of its failures.
    """


@contextmanager
def kept_alive(run: Run, *, every_s: float = HEARTBEAT_S) -> Iterator[None]:
    """Renew the run's lease beside the work in the block.

    Raises
    ------
    RunStoppedError
        Out of the middle of the work, where this is the process's main thread.
    """
    over = threading.Event()
    with _interruptible() as interrupt:
        thread = threading.Thread(
            target=_beat, args=(run, over, interrupt, every_s), name="run-life", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _beat(run: Run, over: threading.Event, interrupt: Any, every_s: float) -> None:
    while not over.wait(every_s):
        try:
            if not keep_claim(run):
                interrupt()
                return
        except (DatabaseError, InterfaceError):
            # The lease outlasts a short trouble; a long one gives the run to another worker.
            logger.warning("lease not renewed", extra={"run": run.pk})
        finally:
            connection.close()


@contextmanager
def _interruptible() -> Iterator[Any]:
    """Give a function that raises RunStoppedError in this thread, as a time limit does."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    is_armed = [True]

    def stop(_signal: int, _frame: object) -> None:
        if is_armed[0]:
            is_armed[0] = False
            raise RunStoppedError

    main = threading.get_ident()
    before = signal.signal(signal.SIGUSR2, stop)
    try:
        yield lambda: signal.pthread_kill(main, signal.SIGUSR2)
    finally:
        is_armed[0] = False
        signal.signal(signal.SIGUSR2, before if before is not None else signal.SIG_DFL)

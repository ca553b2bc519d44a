"""Write down what came of a run, also where the database was away for a moment."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.models import Run

logger = logging.getLogger(__name__)

# Together less than a lease: after it the run is another worker's.
_PAUSES_S = (0.5, 2.0, 5.0, 10.0, 20.0)


def record_patiently(run: Run, record: Callable[[], None]) -> None:
    """Record; try again on a new connection where the database is lost.

    Where it stays lost, the lease runs out and the run is brought back.
    """
    for pause in (*_PAUSES_S, None):
        try:
            record()
        except (OperationalError, InterfaceError):
            logger.exception("run not recorded", extra={"run": run.pk})
            if pause is None:
                return
            connection.close()
            time.sleep(pause)
        else:
            return


def peak_memory_mb() -> float | None:
    """Return the most memory that this process or one of its children had; None on Windows."""
    try:
        import resource  # noqa: PLC0415 not on Windows
    except ImportError:
        return None
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    most = max(resource.getrusage(one).ru_maxrss for one in who)
    return round(most / (1024**2 if sys.platform == "darwin" else 1024), 1)

"""What a run's page tells of its course: lines with their time, no patient's data."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.utils import timezone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.models import Run

_MAX_CHARACTERS = 20_000
_WATCHED = "inference"


def write_line(run: Run, text: str) -> None:
    """Add a line to the run's log; it is kept with the next save of the run."""
    line = f"{timezone.now():%Y-%m-%d %H:%M:%S} {text}\n"
    run.log = (run.log + line)[-_MAX_CHARACTERS:]


def host_name() -> str:
    """Return where this process runs."""
    return f"{socket.gethostname()}, process {os.getpid()}"


@contextmanager
def logging_into(run: Run) -> Iterator[None]:
    """Let what the AI's own modules log be a part of the run's log."""
    handler = _RunHandler(run)
    logger = logging.getLogger(_WATCHED)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _RunHandler(logging.Handler):
    def __init__(self, run: Run) -> None:
        super().__init__(logging.INFO)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        """Take the message alone: a traceback may quote values of a file."""
        write_line(self._run, f"{record.levelname.lower()}: {record.getMessage()}")

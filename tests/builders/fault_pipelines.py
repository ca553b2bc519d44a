"""Models that a test can hold, and one that kills its worker; included by a test's worker."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from inference.runs.execution import PIPELINES
from inference.runs.types import FindingValue, RunOutcome

if TYPE_CHECKING:
    from inference.models import Run

_PATIENCE_S = 120.0


def run_held(run: Run) -> RunOutcome:
    """Say by a file that the work has begun, and go on when there is another."""
    folder = Path(run.model_version.config["folder"])
    (folder / f"begun-{run.attempts}").write_text(str(os.getpid()), encoding="ascii")
    deadline = time.monotonic() + _PATIENCE_S
    while not (folder / "go").exists():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)
    finding = FindingValue(kind="classification", name="test", label="done", probability=1.0)
    return RunOutcome(device="cpu", findings=(finding,))


def run_deadly(run: Run) -> RunOutcome:
    """Die as a process does that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(run.pk)


PIPELINES["held"] = f"{__name__}.run_held"
PIPELINES["deadly"] = f"{__name__}.run_deadly"

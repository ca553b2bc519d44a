"""A MONAI bundle by its own configuration: what it does says which step takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import UnsupportedInputError
from inference.models import ModelVersion
from inference.runs.execution.detection import run_bundle_detection
from inference.runs.execution.segmentation import run_bundle_segmentation

if TYPE_CHECKING:
    from inference.models import Run
    from inference.runs.types import RunOutcome

_STEPS = {
    ModelVersion.Task.SEGMENT: run_bundle_segmentation,
    ModelVersion.Task.DETECT: run_bundle_detection,
}


def run_bundle_version(run: Run) -> RunOutcome:
    """Run the bundle of a version by its task.

    Raises
    ------
    UnsupportedInputError
        Nothing runs bundles of that task by their own configuration.
    """
    task = ModelVersion.Task(run.model_version.task)
    step = _STEPS.get(task)
    if step is None:
        message = f"Bundles that {task} are not run by their own configuration."
        raise UnsupportedInputError(message)
    return step(run)

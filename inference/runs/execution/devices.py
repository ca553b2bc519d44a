"""Where a run's model computes: a slot on a GPU that is free, or the CPU."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from django.conf import settings

from inference.pipelines.back_off import Done, with_back_off
from inference.pipelines.devices import CPU, device_slot, gpu_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference.models import ModelVersion
    from inference.pipelines.types import SegmentationResult

Result = TypeVar("Result")

# Longer than most models take; then the run goes back to the queue.
SLOT_PATIENCE_S = 300.0


@contextmanager
def device_of(version: ModelVersion, *, timeout_s: float = SLOT_PATIENCE_S) -> Iterator[str]:
    """Hold a device for a model for the length of a block; other workers wait for their turn.

    The version's entry may say ``device: cpu``, or which GPU it wants.

    Raises
    ------
    DeviceBusyError
        No GPU had a free slot in time; the run is tried again.
    """
    wanted = str(version.config.get("device", ""))
    gpus = [] if wanted == CPU else gpu_names()
    devices = [gpu for gpu in gpus if not wanted.startswith("cuda:") or gpu == wanted]
    folder = Path(settings.TWINSIGHT_HOME) / "run" / "slots"
    with device_slot(
        folder, devices or [CPU], slots=settings.TWINSIGHT_GPU_SLOTS, timeout_s=timeout_s
    ) as device:
        yield device


def on_device(
    version: ModelVersion, step: Callable[[str, int], Result], *, batch: int = 1
) -> Done[Result]:
    """Do a model's work on its device; where memory is short, in smaller batches or on the CPU.

    Parameters
    ----------
    step
        takes device and batch; starts from the beginning each time
    batch
        with how many items at once to begin
    """
    with device_of(version) as device:
        return with_back_off(step, device=device, batch=batch)


def with_note(done: Done[SegmentationResult]) -> SegmentationResult:
    """Return the result, which says so where memory was short."""
    if not done.note:
        return done.result
    return replace(done.result, notes=(*done.result.notes, done.note))


def exports_folder() -> Path:
    """Return where networks lie that were exported for the CPU's runtimes."""
    return Path(settings.TWINSIGHT_MODELS_DIR) / "exports"

"""Where memory ends: the same work again with a smaller batch, then on the CPU."""

import gc
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from inference.pipelines.devices import CPU

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# How torch, CUDA's libraries, ONNX Runtime and OpenVINO put it.
_WORDS = (
    "out of memory",
    "outofmemory",
    "failed to allocate memory",
    "bad_alloc",
    "cuda_error_out_of_memory",
    "cublas_status_alloc_failed",
    "cannot allocate memory",
    "can't allocate memory",
)


@dataclass(frozen=True)
class Done(Generic[Result]):
    """What came of the work, and where.

    Attributes
    ----------
    result : what the step returned
    device, batch : with which it succeeded
    retreats : attempts before that, which had too little memory
    """

    result: Result
    device: str
    batch: int
    retreats: int

    @property
    def note(self) -> str:
        """A sentence for the run's message; empty where all went as asked."""
        if not self.retreats:
            return ""
        return f"Memory was short: done on {self.device} in batches of {self.batch}."


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that the device's memory was too small.

    Parameters
    ----------
    error : whatever a framework, a runtime or a bundle's process raised

    Returns
    -------
    True for `MemoryError`, and for errors that say so in one of the known ways
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = str(error).lower()
    return any(one in words for one in _WORDS)


def with_back_off(
    step: Callable[[str, int], Result], *, device: str, batch: int = 1
) -> Done[Result]:
    """Do a step; where memory runs out, halve its batch down to one, then go to the CPU.

    Parameters
    ----------
    step : takes device and batch; starts from the beginning each time
    device : where to begin
    batch : with how many items at once to begin

    Returns
    -------
    Done

    Raises
    ------
    Exception
        What the step raised, where it was not about memory, or there was nothing smaller left.
    """
    retreats = 0
    while True:
        try:
            return Done(step(device, batch), device, batch, retreats)
        # The frameworks' errors share no root; everything else is raised on.
        except Exception as error:
            smaller = _smaller(device, batch)
            if smaller is None or not is_out_of_memory(error):
                raise
            logger.warning("out of memory on %s in batches of %d", device, batch)
        device, batch = smaller
        retreats += 1
        release_memory()


def release_memory() -> None:
    """Give back what torch keeps for later, on every device that it has touched."""
    gc.collect()
    # A process that never loaded torch has nothing to give back.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _smaller(device: str, batch: int) -> tuple[str, int] | None:
    if batch > 1:
        return device, batch // 2
    return (CPU, 1) if device != CPU else None

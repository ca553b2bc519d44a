"""Which GPUs this machine offers to its workers, without loading CUDA."""

import shutil
import subprocess
from dataclasses import dataclass

# A GPU with so much memory also takes what is routed to large ones.
LARGE_MB = 22_000
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Gpu:
    """One GPU, as CUDA_VISIBLE_DEVICES names it."""

    index: str
    memory_mb: int

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues whose models it takes: those for GPUs, and what any worker may do."""
        large = ("gpu-large",) if self.memory_mb >= LARGE_MB else ()
        return (*large, "gpu", "inference")


def find_gpus(wanted: str = "") -> tuple[Gpu, ...]:
    """Return the GPUs to work on: all there are, those with the wanted numbers, or none."""
    if wanted.strip().lower() == "none":
        return ()
    found = parse_gpus(_ask_driver())
    numbers = {part.strip() for part in wanted.split(",") if part.strip()}
    return tuple(gpu for gpu in found if not numbers or gpu.index in numbers)


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """Read lines of number and megabytes; a line that is neither is passed over."""
    gpus = []
    for line in text.splitlines():
        index, _, memory = line.partition(",")
        if index.strip().isdigit() and memory.strip().isdigit():
            gpus.append(Gpu(index.strip(), int(memory)))
    return tuple(gpus)


def _ask_driver() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    question = ("--query-gpu=index,memory.total", "--format=csv,noheader,nounits")
    try:
        done = subprocess.run(  # noqa: S603 the driver's own program, no shell
            [program, *question], capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        # A driver that doesn't answer has no GPU for us.
        return ""
    return done.stdout

"""A network over a whole volume, window by window: on a GPU in half precision, or on the CPU."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.inferers.utils import sliding_window_inference

from inference.pipelines.back_off import with_back_off
from inference.pipelines.devices import CPU, ModelCopies
from inference.pipelines.onnx_cpu import CpuNetwork, Trial, quickest_on_cpu

# One copy of a network on each device of this process.
_copies = ModelCopies()
_PROBES = 3


@dataclass(frozen=True)
class Windows:
    """How a volume is cut.

    Attributes
    ----------
    size_zyx : voxels of a window
    overlap : share of a window that its neighbour covers too, 0 to below 1
    batch : windows at once on a GPU, to begin with
    is_weighted : whether a window counts less towards its borders (Gaussian), or evenly
    """

    size_zyx: tuple[int, int, int]
    overlap: float = 0.25
    batch: int = 4
    is_weighted: bool = True


@dataclass(frozen=True)
class Network:
    """A network and where its copies come from.

    Attributes
    ----------
    digest : what tells its weights from any other's, hexadecimal
    load : makes it, in evaluation mode, on the CPU
    exports : folder of networks exported for the CPU's runtimes; torch alone where None
    """

    digest: str
    load: Callable[[], torch.nn.Module]
    exports: Path | None = None


@dataclass(frozen=True, eq=False)
class Labelled:
    """A label map and how it came about.

    Attributes
    ----------
    labels_zyx : (slices, rows, columns) uint8, the class with the largest answer
    device : where it was computed
    batch : windows at once
    runtime : ``torch``, ``onnxruntime`` or ``openvino``
    note : a sentence where memory was short, else empty
    trials : how the CPU's runtimes compared; empty on a GPU
    """

    labels_zyx: npt.NDArray[np.uint8]
    device: str
    batch: int
    runtime: str
    note: str = ""
    trials: Sequence[Trial] = field(default=())


def label_volume(
    network: Network, image_czyx: npt.NDArray[np.float32], windows: Windows, *, device: str = CPU
) -> Labelled:
    """Label every voxel of a volume.

    Where the GPU's memory ends, the windows go in smaller batches, and at last on the CPU.

    Parameters
    ----------
    network : answers (n, classes, z, y, x) to (n, channels, z, y, x)
    image_czyx : (channels, slices, rows, columns) float32, as the network takes it
    windows : how to cut it; a smaller volume is padded
    device : ``cpu``, ``cuda`` or ``cuda:1``

    Returns
    -------
    Labelled
    """
    image = torch.from_numpy(np.ascontiguousarray(image_czyx, dtype=np.float32))[None]

    def step(where: str, batch: int) -> tuple[torch.Tensor, str, Sequence[Trial]]:
        if where == CPU:
            _forget_gpus(device)
            return _on_cpu(network, image, windows, batch)
        return _on_gpu(network, image, windows, where, batch), "torch", ()

    # The CPU gains nothing by several windows at once.
    first = 1 if device == CPU else windows.batch
    done = with_back_off(step, device=device, batch=first)
    labels, runtime, trials = done.result
    return Labelled(
        labels_zyx=labels[0].numpy(),
        device=done.device,
        batch=done.batch,
        runtime=runtime,
        note=done.note,
        trials=trials,
    )


def _on_cpu(
    network: Network, image: torch.Tensor, windows: Windows, batch: int
) -> tuple[torch.Tensor, str, Sequence[Trial]]:
    module: torch.nn.Module = _copies.get(network.digest, CPU, network.load)
    if network.exports is None:
        return _argmax(module, image, windows, batch), "torch", ()
    folder = network.exports
    key = (network.digest, windows.size_zyx, str(folder))
    quick: CpuNetwork = _copies.get(
        key,
        CPU,
        lambda: quickest_on_cpu(
            module, probes_of(image, windows), folder=folder, digest=network.digest
        ),
    )
    return _argmax(quick, image, windows, batch), quick.runtime, quick.trials


def _on_gpu(
    network: Network, image: torch.Tensor, windows: Windows, device: str, batch: int
) -> torch.Tensor:
    def load() -> torch.nn.Module:
        # torch's stubs don't know that modules have memory formats.
        module: Any = network.load()
        moved: torch.nn.Module = module.to(device, memory_format=torch.channels_last_3d)
        return moved

    module: torch.nn.Module = _copies.get(network.digest, device, load)
    # Pinned, the copy runs beside what the GPU still has to do.
    moved = image.pin_memory().to(device, non_blocking=True)
    precision = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16

    def predict(window: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cuda", dtype=precision):
            answer: torch.Tensor = module(window.to(memory_format=torch.channels_last_3d))
        return answer

    # Labels, not answers, go back: a byte a voxel instead of four a class.
    return _argmax(predict, moved, windows, batch).cpu()


def _argmax(
    predict: Callable[[torch.Tensor], torch.Tensor],
    image: torch.Tensor,
    windows: Windows,
    batch: int,
) -> torch.Tensor:
    with torch.inference_mode():
        answer = sliding_window_inference(
            inputs=image,
            roi_size=windows.size_zyx,
            sw_batch_size=batch,
            predictor=predict,
            overlap=windows.overlap,
            mode="gaussian" if windows.is_weighted else "constant",
        )
        if not isinstance(answer, torch.Tensor):
            raise TypeError("The network gives several answers; one was expected.")
        # The first of the greatest, as of `argmax`, which takes eight times as long on the CPU.
        return answer.max(dim=1).indices.to(torch.uint8)


def probes_of(image: torch.Tensor, windows: Windows) -> list[torch.Tensor]:
    """Return windows along a volume's diagonal, where the patient is.

    Parameters
    ----------
    image : (1, channels, z, y, x)
    windows : how the volume is cut; a smaller one is padded

    Returns
    -------
    up to three windows of whole size, contiguous
    """
    sizes = windows.size_zyx
    short = [max(0, size - extent) for size, extent in zip(sizes, image.shape[2:], strict=True)]
    padding = [part for less in reversed(short) for part in (0, less)]
    padded = torch.nn.functional.pad(image, padding)
    rooms = [extent - size for size, extent in zip(sizes, padded.shape[2:], strict=True)]
    starts = {
        tuple(room * (number + 1) // (_PROBES + 1) for room in rooms) for number in range(_PROBES)
    }
    cuts = [
        tuple(slice(begin, begin + size) for begin, size in zip(start, sizes, strict=True))
        for start in sorted(starts)
    ]
    return [padded[(slice(None), slice(None), *cut)].contiguous() for cut in cuts]


def _forget_gpus(device: str) -> None:
    """Free a GPU whose memory is short for whoever comes next."""
    if device != CPU:
        _copies.forget(device)

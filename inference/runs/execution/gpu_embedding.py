"""The shipped embedders on a GPU, where they give the same vectors as in ONNX Runtime."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from inference.pipelines.back_off import with_back_off
from inference.pipelines.devices import CPU, ModelCopies, choose_device
from inference.pipelines.embedding import LEVELS_SPACE_NAME, SPACE_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import nn

    from inference.models import EmbeddingSpace
    from inference.similarity.spaces.embedder import Encoder

logger = logging.getLogger(__name__)

# Cosine of each image's vector from the GPU with its vector from ONNX Runtime.
LEAST_COSINE = 0.9999
_CPU_BATCH, _GPU_BATCH = 16, 128
_copies = ModelCopies()


def batch_images(device: str) -> int:
    """Return how many images a device gets at once."""
    return _CPU_BATCH if device == CPU else _GPU_BATCH


def quick_encoder(space: EmbeddingSpace, encoder: Encoder, *, device: str = "") -> Encoder:
    """Return the encoder of a space on the GPU where there is one; else the one given.

    Parameters
    ----------
    space
        with its model version
    encoder
        of the space, in ONNX Runtime
    device
        where to run it; the best of this machine if empty
    """
    version = space.model_version
    is_shipped = version.pipeline == "lite0" and version.name in {SPACE_NAME, LEVELS_SPACE_NAME}
    if not is_shipped or encoder.device != CPU:
        return encoder
    chosen = device or choose_device()
    return encoder if chosen == CPU else GpuEncoder(version.name, encoder, chosen)


@dataclass(slots=True)
class GpuEncoder:
    """A shipped network in torch; back to ONNX Runtime where it answers otherwise."""

    network: str
    exact: Encoder
    device: str
    _is_checked: bool = field(default=False, init=False)

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Turn a display image into the network's input."""
        return self.exact.prepare(picture)

    def embed(self, prepared: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """Turn what `prepare` gave into unit vectors."""
        if self.device == CPU:
            return self.exact.embed(prepared)
        done = with_back_off(
            lambda device, batch: self._embed(prepared, device, batch),
            device=self.device,
            batch=len(prepared),
        )
        if done.device == CPU:
            self._leave("no memory")
        elif not self._is_checked and not self._agrees(prepared, done.result):
            self._leave("other vectors")
            return self.exact.embed(prepared)
        self._is_checked = True
        return done.result

    def _agrees(
        self, prepared: Sequence[npt.NDArray[np.float32]], vectors: npt.NDArray[np.float32]
    ) -> bool:
        few = prepared[:8]
        cosines = (self.exact.embed(few) * vectors[: len(few)]).sum(axis=1)
        return bool(cosines.min() >= LEAST_COSINE)

    def _leave(self, reason: str) -> None:
        logger.warning("embedding left %s: %s", self.device, reason)
        _copies.forget(self.device)
        self.device = CPU

    def _embed(
        self, prepared: Sequence[npt.NDArray[np.float32]], device: str, batch: int
    ) -> npt.NDArray[np.float32]:
        if device == CPU:
            return self.exact.embed(prepared)
        parts = [prepared[start : start + batch] for start in range(0, len(prepared), batch)]
        return np.concatenate([embed_on_gpu(self.network, part, device) for part in parts])


def embed_on_gpu(
    network: str, prepared: Sequence[npt.NDArray[np.float32]], device: str
) -> npt.NDArray[np.float32]:
    """Embed one batch with the one copy of a shipped network that lies on a device.

    Parameters
    ----------
    network
        name of a shipped space
    prepared
        (3, 224, 224) float32 each, at least one

    Returns
    -------
    (n, dimension) float32, rows of length 1
    """
    import torch  # noqa: PLC0415 a worker that embeds on the CPU never spends memory on it

    module: nn.Module = _copies.get(network, device, lambda: _load(network, device))
    images = torch.from_numpy(np.stack(prepared))
    if device != CPU:
        # Pinned, the copy runs beside what the GPU still has to do.
        images = images.pin_memory()
    with torch.inference_mode():
        moved = images.to(device, non_blocking=True, memory_format=torch.channels_last)
        vectors, _ = module(moved)
    return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)


def _load(network: str, device: str) -> nn.Module:
    import torch  # noqa: PLC0415 as above

    from inference.bundles.lite_network import build_network  # noqa: PLC0415 it imports torch

    module = build_network(network).to(device)
    # TF32 keeps vectors within the tolerance, half precision would not.
    torch.set_float32_matmul_precision("high")
    return module.to(memory_format=torch.channels_last)  # type: ignore[no-any-return,call-overload]

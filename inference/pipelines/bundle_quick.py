"""A bundle's network on the CPU by the quickest runtime, behind the bundle's own inferer."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from monai.data.meta_tensor import MetaTensor

from inference.pipelines.onnx_cpu import quickest_on_cpu
from inference.pipelines.sliding_window import Windows, probes_of

logger = logging.getLogger(__name__)

Inferer = Callable[..., Any]

# Voxels a side; networks that halve an image up to seven times take it.
_MIDDLE = 128


class QuickInferer:
    """A MONAI inferer whose network is exchanged for a quicker one that labels alike.

    Parameters
    ----------
    inferer : the bundle's own; what it does with windows stays as it is
    folder : where exported networks and comparisons are kept
    """

    def __init__(self, inferer: Inferer, folder: Path) -> None:
        self._inferer = inferer
        self._folder = folder

    def __call__(self, inputs: Any, network: Any, *args: Any, **kwargs: Any) -> Any:
        """Infer as the bundle's inferer does."""
        if args or kwargs or not _is_plain(inputs, network):
            return self._inferer(inputs, network, *args, **kwargs)
        answer = self._inferer(inputs, self._quickened(inputs, network))
        if isinstance(inputs, MetaTensor) and not isinstance(answer, MetaTensor):
            # Where the image lies: what torch's own operations carry along.
            placed: Any = MetaTensor(answer)
            return placed.copy_meta_from(inputs)
        return answer

    def _quickened(self, inputs: torch.Tensor, network: torch.nn.Module) -> Any:
        try:
            return quickest_on_cpu(
                network,
                self._probes(inputs),
                folder=self._folder,
                digest=weights_digest(network),
            )
        # Whatever a stranger's network makes of an export, it runs as it is.
        except Exception:
            logger.warning("a bundle's network stays with torch", exc_info=True)
            return network

    def _probes(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        plain = torch.as_tensor(inputs).as_subclass(torch.Tensor)[:1]
        extents = plain.shape[2:]
        size = getattr(self._inferer, "roi_size", None)
        if size is None or len(extents) != 3:
            # A whole image would be run many times: its middle says as much.
            middle = [
                slice((extent - side) // 2, (extent - side) // 2 + side)
                for extent, side in ((extent, min(extent, _MIDDLE)) for extent in extents)
            ]
            return [plain[(slice(None), slice(None), *middle)].contiguous()]
        sides = [size] * 3 if isinstance(size, int) else list(size)
        # A side that isn't given is the image's own.
        z, y, x = (
            side if side and side > 0 else extent
            for side, extent in zip(sides, extents, strict=True)
        )
        return probes_of(plain, Windows((z, y, x)))


def weights_digest(network: torch.nn.Module) -> str:
    """Return the SHA-256 of a network's structure and numbers.

    Parameters
    ----------
    network : any module

    Returns
    -------
    64 hexadecimal digits
    """
    digest = hashlib.sha256(str(network).encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        if isinstance(value, torch.Tensor):
            digest.update(str((value.dtype, tuple(value.shape))).encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _is_plain(inputs: Any, network: Any) -> bool:
    return (
        isinstance(inputs, torch.Tensor)
        and isinstance(network, torch.nn.Module)
        and inputs.device.type == "cpu"
        and inputs.dtype == torch.float32
    )

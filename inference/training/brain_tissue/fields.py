"""Smooth random fields: what bends, blotches and shades an invented head."""

import torch
from torch.nn import functional

Shape = tuple[int, int, int]


def uniform(low: float, high: float) -> float:
    """Return a random number of torch's own generator."""
    return low + (high - low) * float(torch.rand(()))


def chance(probability: float) -> bool:
    """Say yes in this share of the calls."""
    return float(torch.rand(())) < probability


def smooth_field(shape: Shape, spacing_mm: float, channels: int = 1) -> torch.Tensor:
    """Return noise of about unit deviation that varies over a given distance.

    Parameters
    ----------
    shape : sides in voxels of 1 mm
    spacing_mm : distance of the knots between which the noise is interpolated

    Returns
    -------
    (channels, X, Y, Z) float32
    """
    knots = [max(2, int(side / spacing_mm) + 2) for side in shape]
    noise = torch.randn(1, channels, *knots)
    return functional.interpolate(noise, size=shape, mode="trilinear", align_corners=True)[0]


def blurred(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Return a (C, X, Y, Z) image behind a Gaussian of this deviation in voxels."""
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    out = image[:, None]
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = len(kernel)
        padding = [0] * 6
        padding[4 - 2 * axis] = padding[5 - 2 * axis] = radius
        padded = functional.pad(out, padding, mode="replicate")
        out = functional.conv3d(padded, kernel.reshape(shape))
    return out[:, 0]


def largest_of(layers: torch.Tensor) -> torch.Tensor:
    """Return which of the layers of (C, X, Y, Z) is the largest; argmax over them is far slower."""
    best = layers[0]
    index = torch.zeros(best.shape, dtype=torch.long)
    for number, layer in enumerate(layers[1:], start=1):
        index.masked_fill_(layer > best, number)
        best = torch.maximum(best, layer)
    return index

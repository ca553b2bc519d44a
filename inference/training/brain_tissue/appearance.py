"""Invented appearance: grey values of tissues, and what a scanner does to them."""

import torch
from torch.nn import functional

from inference.training.brain_tissue import anatomy
from inference.training.brain_tissue.fields import blurred, chance, smooth_field, uniform

_T1_LIKE = 0.95


def random_means() -> torch.Tensor:
    """Return a mean for each paint: mostly ordered as on T1 images, sometimes not at all."""
    if not chance(_T1_LIKE):
        means = torch.rand(anatomy.PAINTS)
        means[anatomy.AIR] = 0.0
        return means
    csf, grey = uniform(0.05, 0.3), uniform(0.38, 0.68)
    white = grey + uniform(0.10, 0.40)
    means = torch.empty(anatomy.PAINTS)
    means[anatomy.AIR] = uniform(0.0, 0.04)
    means[anatomy.WHITE], means[anatomy.GREY], means[anatomy.CSF] = white, grey, csf
    means[anatomy.DEEP_GREY] = grey + uniform(0.0, 0.5) * (white - grey)
    means[anatomy.VENTRICLE] = csf * uniform(0.7, 1.1)
    means[anatomy.TABLE] = uniform(0.02, 0.2)
    means[anatomy.BONE] = uniform(0.02, 0.4)
    means[anatomy.CAVITY] = uniform(0.0, 0.08)
    for paint, low, high in (
        (anatomy.DURA, 0.15, 0.8),
        (anatomy.MARROW, 0.15, 1.1),
        (anatomy.FAT, 0.5, 1.7),
        (anatomy.SKIN, 0.3, 1.3),
        (anatomy.MUSCLE, 0.25, 0.7),
        (anatomy.MUCOSA, 0.3, 1.0),
    ):
        means[paint] = uniform(low, high)
    return means


def paint_tissues(paint: torch.Tensor) -> torch.Tensor:
    """Give each voxel its tissue's grey value, with grain and slow changes; (X, Y, Z)."""
    means = random_means()
    grains = torch.rand(anatomy.PAINTS) * uniform(0.0, 0.10)
    grains[anatomy.AIR] = uniform(0.0, 0.02)
    grains[anatomy.FAT :] *= 2.5
    image = means[paint] + grains[paint] * torch.randn(paint.shape)
    shape = (paint.shape[0], paint.shape[1], paint.shape[2])
    shade = smooth_field(shape, uniform(8.0, 30.0))[0] * uniform(0.0, 0.08)
    return image * (1.0 + shade)


def scan(image: torch.Tensor) -> torch.Tensor:
    """Return the image as a scanner of unknown quality would have it.

    Parameters
    ----------
    image : (1, X, Y, Z) float32, white matter at about 0.4 to 1

    Returns
    -------
    (1, X, Y, Z) float32, from 0 to 1.5, scaled at random
    """
    shape = (image.shape[1], image.shape[2], image.shape[3])
    if chance(0.6):
        image = blurred(image, uniform(0.3, 0.9))
    if chance(0.25):
        image = _coarse(image)
    if chance(0.8):
        image = image * torch.exp(smooth_field(shape, uniform(45.0, 90.0)) * uniform(0.0, 0.25))
    if chance(0.7):
        image = image.clamp(min=0) ** float(torch.exp(torch.randn(()) * 0.25))
    if chance(0.8):
        image = (image + torch.randn(image.shape) * uniform(0.0, 0.07)).abs()
    return (image * uniform(0.65, 1.2)).clamp(0.0, 1.5)


def _coarse(image: torch.Tensor) -> torch.Tensor:
    """Take thick slices along one axis, or larger voxels along all."""
    shape = list(image.shape[1:])
    if chance(0.7):
        axis = int(torch.randint(3, ()))
        coarse = list(shape)
        coarse[axis] = max(2, round(shape[axis] / uniform(1.5, 4.0)))
    else:
        factor = uniform(1.1, 2.0)
        coarse = [max(2, round(side / factor)) for side in shape]
    small = functional.interpolate(image[None], size=coarse, mode="area")
    return functional.interpolate(small, size=shape, mode="trilinear", align_corners=False)[0]

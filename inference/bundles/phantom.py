"""A made-up picture to try a model on: a body with organs, noise, and no person behind it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def make_phantom(shape: tuple[int, ...], *, channels: int = 1) -> npt.NDArray[np.float32]:
    """Draw a phantom.

    Parameters
    ----------
    shape : sizes of the picture or volume
    channels : copies with other contrasts

    Returns
    -------
    (channels, *shape) float32, 0 outside the body, up to about 1 inside; the same every time
    """
    axes = [np.linspace(-1.0, 1.0, side, dtype=np.float32) for side in shape]
    grids = np.meshgrid(*axes, indexing="ij", sparse=True)
    noise = np.random.default_rng(0).normal(0.0, 0.02, (channels, *shape)).astype(np.float32)
    picture = np.zeros(shape, dtype=np.float32)
    for centre, radius, value in ((0.0, 0.9, 0.4), (0.3, 0.35, 0.7), (-0.35, 0.25, 0.95)):
        distance = sum((grid - centre) ** 2 for grid in grids)
        picture = np.where(distance < radius**2, np.float32(value), picture)
    contrasts = np.linspace(1.0, 0.5, channels, dtype=np.float32)
    scaled = contrasts.reshape(-1, *(1 for _ in shape)) * picture
    return np.asarray(scaled + noise * (picture > 0), dtype=np.float32)

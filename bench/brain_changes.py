"""What scanners and archives do to a head: contrast, noise, shading, spacing, orientation, tilt."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.pipelines.types import Volume

_SEED = 152


@dataclass(frozen=True, eq=False)
class Case:
    """A volume and what its voxels are."""

    volume: Volume
    labels_zyx: npt.NDArray[np.uint8]


def as_is(case: Case) -> Case:
    """Change nothing."""
    return case


def contrast(gamma: float) -> Callable[[Case], Case]:
    """Bend the grey values."""

    def change(case: Case) -> Case:
        return _painted(case, _unit(case) ** gamma)

    return change


def noise(deviation: float) -> Callable[[Case], Case]:
    """Add Rician noise, as a share of the brightest values."""

    def change(case: Case) -> Case:
        draw = np.random.default_rng(_SEED).normal
        unit = _unit(case)
        real = unit + draw(0, deviation, unit.shape)
        return _painted(case, np.hypot(real, draw(0, deviation, unit.shape)))

    return change


def shading(case: Case) -> Case:
    """Brighten one side and darken the other, by a third in all."""
    ramps = [np.linspace(-1, 1, side) for side in case.volume.array_zyx.shape]
    z, y, x = np.meshgrid(*ramps, indexing="ij", sparse=True)
    return _painted(case, _unit(case) * (1 + 0.12 * z - 0.12 * y + 0.1 * x - 0.1 * x * y))


def spacing(z_mm: float, y_mm: float, x_mm: float) -> Callable[[Case], Case]:
    """Take larger voxels; each gets the mean, and the label that covers most of it."""

    def change(case: Case) -> Case:
        factors = [
            wanted / old
            for wanted, old in zip((z_mm, y_mm, x_mm), case.volume.spacing_mm_zyx, strict=True)
        ]
        sigmas = [0.5 * np.sqrt(max(factor**2 - 1, 0)) for factor in factors]
        zooms = [1 / factor for factor in factors]

        def resized(array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            smooth = ndimage.gaussian_filter(array, sigmas)
            out: npt.NDArray[np.float32] = ndimage.zoom(
                smooth, zooms, order=1, grid_mode=True, mode="nearest"
            )
            return out

        array = resized(case.volume.array_zyx)
        shares = [resized((case.labels_zyx == value).astype(np.float32)) for value in range(4)]
        ratios = np.array(case.volume.array_zyx.shape) / np.array(array.shape)
        affine = case.volume.affine_lps.copy()
        affine[:3, :3] *= ratios[::-1]
        affine[:3, 3] += case.volume.affine_lps[:3, :3] @ ((ratios[::-1] - 1) / 2)
        sizes = [mm * ratio for mm, ratio in zip(case.volume.spacing_mm_zyx, ratios, strict=True)]
        volume = replace(
            case.volume,
            array_zyx=array,
            affine_lps=affine,
            spacing_mm_zyx=(sizes[0], sizes[1], sizes[2]),
            frame_order=tuple(range(array.shape[0])),
        )
        return Case(volume, np.argmax(shares, axis=0).astype(np.uint8))

    return change


def stored(axes: tuple[int, int, int], flips: tuple[int, ...]) -> Callable[[Case], Case]:
    """Store the same voxels in another plane and order of slices."""

    def turned(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        return np.ascontiguousarray(np.flip(array.transpose(axes), flips))

    def change(case: Case) -> Case:
        array = turned(case.volume.array_zyx).astype(np.float32)
        affine = case.volume.affine_lps.copy()
        # Columns of the affine stand for x, y, z; array axes for z, y, x.
        order = [2 - axes[2 - column] for column in range(3)]
        affine[:3, :3] = case.volume.affine_lps[:3, order]
        for axis in flips:
            column = 2 - axis
            affine[:3, 3] += affine[:3, column] * (array.shape[axis] - 1)
            affine[:3, column] *= -1
        sizes = [case.volume.spacing_mm_zyx[axis] for axis in axes]
        volume = replace(
            case.volume,
            array_zyx=array,
            affine_lps=affine,
            spacing_mm_zyx=(sizes[0], sizes[1], sizes[2]),
            frame_order=tuple(range(array.shape[0])),
        )
        return Case(volume, turned(case.labels_zyx).astype(np.uint8))

    return change


def tilted(degrees: float) -> Callable[[Case], Case]:
    """Turn the head itself, as a patient lies: nodding and leaning."""

    def change(case: Case) -> Case:
        def turned(array: npt.NDArray[np.generic], order: int) -> npt.NDArray[np.float32]:
            out = array.astype(np.float32)
            for axes in ((0, 1), (0, 2)):
                out = ndimage.rotate(out, degrees, axes=axes, reshape=False, order=order)
            return out

        image = np.maximum(turned(case.volume.array_zyx, 1), 0)
        labels = turned(case.labels_zyx, 0).astype(np.uint8)
        return Case(replace(case.volume, array_zyx=image), labels)

    return change


CHANGES: dict[str, Callable[[Case], Case]] = {
    "as is": as_is,
    "contrast: gamma 0.7": contrast(0.7),
    "contrast: gamma 1.5": contrast(1.5),
    "noise: 5 %": noise(0.05),
    "shading: a third": shading,
    "spacing: 1.5 mm": spacing(1.5, 1.5, 1.5),
    "spacing: slices of 3 mm": spacing(3.0, 1.0, 1.0),
    "orientation: sagittal": stored((2, 0, 1), (1,)),
    "orientation: coronal, backwards": stored((1, 0, 2), (0, 1)),
    "head tilted by 12 degrees": tilted(12.0),
}


def _unit(case: Case) -> npt.NDArray[np.float32]:
    array = case.volume.array_zyx
    top = max(float(np.percentile(array, 99.9)), 1e-6)
    return np.clip(array, 0, None) / top


def _painted(case: Case, array: npt.NDArray[np.floating]) -> Case:
    return Case(replace(case.volume, array_zyx=array.astype(np.float32)), case.labels_zyx)

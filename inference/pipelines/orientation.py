"""Volumes turned to one orientation without touching a voxel's value, and masks turned back."""

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import numpy.typing as npt

from inference.pipelines.types import Volume


@dataclass(frozen=True, eq=False)
class Turned:
    """A volume whose axes run along the patient's, and the way back.

    Attributes
    ----------
    volume : the same voxels, slices towards the head, rows to the back, columns to the left, as
        nearly as turning by right angles allows; `datasets` and `frame_order` are those of the
        source and do not follow the slices any more
    axes : which axis of the source became slices, rows and columns
    flips : which axes of the turned array run against the source's
    """

    volume: Volume
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def restore(self, mask_zyx: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Turn a mask of the turned volume back to the source's grid.

        Parameters
        ----------
        mask_zyx : uint8 label map of the turned volume's shape

        Returns
        -------
        label map on the grid of the source, contiguous
        """
        flipped = np.flip(mask_zyx, _flipped(self.flips))
        return np.ascontiguousarray(flipped.transpose(np.argsort(self.axes)))


def to_axial(volume: Volume) -> Turned:
    """Turn a volume to axial slices, whatever the plane in which it was stored.

    Only axes are exchanged and reversed: no voxel is computed anew.

    Parameters
    ----------
    volume : any regular grid

    Returns
    -------
    Turned

    References
    ----------
    DICOM PS3.3 C.7.6.2.1.1
    """
    # Columns of the affine belong to x, y, z; the array's axes are z, y, x.
    directions = volume.affine_lps[:3, :3][:, ::-1]
    cosines = directions / np.linalg.norm(directions, axis=0)
    # Patient axes in the order in which the turned array has them: head, back, left.
    wanted = cosines[::-1]
    axes = max(permutations(range(3)), key=lambda order: _agreement(wanted, order))
    flips = tuple(bool(wanted[row, axis] < 0) for row, axis in enumerate(axes))
    array = np.flip(volume.array_zyx.transpose(axes), _flipped(flips))
    slices, rows, columns = (volume.spacing_mm_zyx[axis] for axis in axes)
    turned = replace(
        volume,
        array_zyx=np.ascontiguousarray(array),
        affine_lps=_turned_affine(volume, axes, flips),
        spacing_mm_zyx=(slices, rows, columns),
    )
    return Turned(turned, (axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))


def _agreement(wanted: npt.NDArray[np.float64], order: tuple[int, ...]) -> float:
    return float(sum(abs(wanted[row, axis]) for row, axis in enumerate(order)))


def _flipped(flips: tuple[bool, ...]) -> tuple[int, ...]:
    return tuple(axis for axis, is_flipped in enumerate(flips) if is_flipped)


def _turned_affine(
    volume: Volume, axes: tuple[int, ...], flips: tuple[bool, ...]
) -> npt.NDArray[np.float64]:
    source_zyx = volume.affine_lps[:3, :3][:, ::-1]
    origin = volume.affine_lps[:3, 3].copy()
    affine = np.eye(4)
    for row, (axis, is_flipped) in enumerate(zip(axes, flips, strict=True)):
        step = source_zyx[:, axis]
        if is_flipped:
            origin += step * (volume.array_zyx.shape[axis] - 1)
            step = -step
        affine[:3, 2 - row] = step
    affine[:3, 3] = origin
    return affine

"""Where slices lie in the patient, in the standard's coordinates (LPS, mm)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

_DIRECTION_TOLERANCE = 1e-3
_POSITION_TOLERANCE_MM = 1e-3


class SliceGeometry(NamedTuple):
    """What orders a slice: Image Orientation, Image Position and Instance Number."""

    orientation: Sequence[float] | None
    position: Sequence[float] | None
    number: int | None


# What callers have at hand: a data set, a SliceGeometry, or a row's three values.
Slice = Dataset | tuple[Sequence[float] | None, Sequence[float] | None, int | None]


def slice_geometry(ds: Dataset) -> SliceGeometry:
    """Take the geometry of a single-frame instance out of its data set.

    Parameters
    ----------
    ds : an instance

    Returns
    -------
    Its geometry; None for what is missing or of the wrong length
    """
    orientation, position = ds.get("ImageOrientationPatient"), ds.get("ImagePositionPatient")
    number = ds.get("InstanceNumber")
    return SliceGeometry(
        [float(value) for value in orientation] if orientation and len(orientation) == 6 else None,
        [float(value) for value in position] if position and len(position) == 3 else None,
        None if number is None or number == "" else int(number),
    )


def slice_normal(orientation: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the direction that a stack of slices goes in.

    Parameters
    ----------
    orientation : six direction cosines of Image Orientation (Patient)

    Returns
    -------
    (3,) unit vector, rows x columns, LPS; zeros where the directions are degenerate

    References
    ----------
    DICOM PS3.3 C.7.6.2.1.1
    """
    normal = np.cross(
        np.asarray(orientation[:3], np.float64), np.asarray(orientation[3:6], np.float64)
    )
    length = float(np.linalg.norm(normal))
    return normal / length if length > 0 else np.zeros(3)


def slice_positions(slices: Sequence[Slice]) -> list[float]:
    """Return how far along their common normal slices lie.

    Parameters
    ----------
    slices : geometries, (orientation, position, number) tuples or data sets

    Returns
    -------
    Millimetres from the origin of the frame of reference, one a slice; an empty list where the
    slices are not parallel or lack position or orientation
    """
    geometries = [_geometry(item) for item in slices]
    first = next((item.orientation for item in geometries if item.orientation), None)
    if first is None:
        return []
    normal = slice_normal(first)
    positions = []
    for item in geometries:
        if item.orientation is None or item.position is None:
            return []
        if np.abs(slice_normal(item.orientation) - normal).max() > _DIRECTION_TOLERANCE:
            return []
        positions.append(float(np.dot(normal, np.asarray(item.position, np.float64))))
    return positions


def sort_slices(slices: Sequence[Slice]) -> list[int]:
    """Order the slices of a series for scrolling and for stacking.

    Parameters
    ----------
    slices : geometries, (orientation, position, number) tuples or data sets

    Returns
    -------
    Indices into `slices`: along the normal where slices are parallel and each lies elsewhere,
    else by Instance Number (localizers, repeated positions over time), those without one last
    """
    geometries = [_geometry(item) for item in slices]
    numbers = [
        (item.number is None, item.number or 0, index) for index, item in enumerate(geometries)
    ]
    positions = slice_positions(geometries)
    by_number = sorted(range(len(geometries)), key=lambda index: numbers[index])
    if not positions:
        return by_number
    order = sorted(by_number, key=lambda index: positions[index])
    gaps = np.diff([positions[index] for index in order])
    return by_number if np.any(gaps < _POSITION_TOLERANCE_MM) else order


def reading_order(slices: Sequence[Slice]) -> list[int]:
    """Order the slices of a series as a reader scrolls through them.

    Parameters
    ----------
    slices : geometries, (orientation, position, number) tuples or data sets; values of the wrong
        length count as missing

    Returns
    -------
    Indices into `slices` as `sort_slices` orders them, in the direction in which the scanner
    numbered: readers know it
    """
    geometries = [_whole(_geometry(item)) for item in slices]
    order = sort_slices(geometries)
    numbers = [number for index in order if (number := geometries[index].number) is not None]
    return order[::-1] if numbers and numbers[0] > numbers[-1] else order


def _whole(found: SliceGeometry) -> SliceGeometry:
    orientation, position = found.orientation, found.position
    return SliceGeometry(
        orientation if orientation and len(orientation) == 6 else None,
        position if position and len(position) == 3 else None,
        found.number,
    )


def affine_lps(
    *,
    orientation: Sequence[float],
    positions: Sequence[Sequence[float]],
    pixel_spacing: Sequence[float],
    slice_thickness: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Map voxel indices to patient coordinates.

    Parameters
    ----------
    orientation : Image Orientation (Patient), the same for all slices
    positions : Image Position (Patient) of each slice, in slice order
    pixel_spacing : Pixel Spacing, (between rows, between columns), mm
    slice_thickness : step of a single slice, mm

    Returns
    -------
    (4, 4) matrix from (column, row, slice, 1) to (x, y, z, 1) in LPS mm

    References
    ----------
    DICOM PS3.3 C.7.6.2.1.1
    """
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(orientation[:3], np.float64) * float(pixel_spacing[1])
    affine[:3, 1] = np.asarray(orientation[3:6], np.float64) * float(pixel_spacing[0])
    first, last = np.asarray(positions[0], np.float64), np.asarray(positions[-1], np.float64)
    if len(positions) > 1:
        affine[:3, 2] = (last - first) / (len(positions) - 1)
    else:
        affine[:3, 2] = slice_normal(orientation) * slice_thickness
    affine[:3, 3] = first
    return affine


def _geometry(item: Slice) -> SliceGeometry:
    return slice_geometry(item) if isinstance(item, Dataset) else SliceGeometry(*item)

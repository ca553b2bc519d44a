"""How long and how bright the segments of a label map are."""

from contextlib import suppress

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from inference.pipelines.types import CodeTriple, Measurement, Segment, Volume

LONG_AXIS: CodeTriple = ("103339001", "SCT", "Long axis")
MILLIMETRE: CodeTriple = ("mm", "UCUM", "millimeter")
MEAN: CodeTriple = ("373098007", "SCT", "Mean")
# What a modality's values are, and their unit; of others nothing is said.
_INTENSITIES: dict[str, tuple[CodeTriple, CodeTriple]] = {
    "CT": (
        ("112031", "DCM", "Attenuation Coefficient"),
        ("[hnsf'U]", "UCUM", "Hounsfield unit"),
    ),
    "MR": (("110852", "DCM", "MR signal intensity"), ("1", "UCUM", "no units")),
}


def extent_measurements(
    mask_zyx: npt.NDArray[np.uint8], segments: tuple[Segment, ...], volume: Volume
) -> tuple[Measurement, ...]:
    """Measure each segment's longest diameter within a slice, and its mean intensity.

    Parameters
    ----------
    mask_zyx : (slices, rows, columns) uint8 label map on the volume's grid
    segments : structures of the map
    volume : the images

    Returns
    -------
    one or two measurements for each segment that has voxels, in the segments' order
    """
    found: list[Measurement] = []
    for segment in segments:
        inside = np.isin(mask_zyx, segment.values)
        if not inside.any():
            continue
        longest = longest_diameter_mm(inside, volume.spacing_mm_zyx)
        found.append(Measurement(segment.number, LONG_AXIS, longest, MILLIMETRE))
        if volume.modality in _INTENSITIES:
            name, unit = _INTENSITIES[volume.modality]
            mean = float(volume.array_zyx[inside].mean(dtype=np.float64))
            found.append(Measurement(segment.number, name, mean, unit, MEAN))
    return tuple(found)


def longest_diameter_mm(
    inside_zyx: npt.NDArray[np.bool_], spacing_mm_zyx: tuple[float, float, float]
) -> float:
    """Return the longest straight line between two points of a structure in one slice.

    Parameters
    ----------
    inside_zyx : (slices, rows, columns)
    spacing_mm_zyx : of the grid

    Returns
    -------
    mm, from the outer edges of the pixels; other parts of the slice may lie between

    References
    ----------
    Eisenhauer et al., RECIST 1.1, 2009: longest diameter in the plane of measurement
    """
    longest = 0.0
    for plane in inside_zyx:
        rows = np.flatnonzero(plane.any(axis=1))
        if rows.size == 0:
            continue
        # The two farthest points are among the first and the last pixels of the rows.
        first = plane[rows].argmax(axis=1)
        last = plane.shape[1] - 1 - plane[rows, ::-1].argmax(axis=1)
        corners = np.concatenate(
            [
                np.stack([rows + dy, columns + dx], axis=1)
                for columns, dx in ((first, -0.5), (last, 0.5))
                for dy in (-0.5, 0.5)
            ]
        )
        longest = max(longest, _farthest(corners * np.asarray(spacing_mm_zyx[1:])))
    return longest


def _farthest(points: npt.NDArray[np.float64]) -> float:
    with suppress(QhullError):  # all on one line
        points = points[ConvexHull(points).vertices]
    apart = points[:, np.newaxis] - points[np.newaxis]
    return float(np.sqrt((apart**2).sum(axis=-1)).max())

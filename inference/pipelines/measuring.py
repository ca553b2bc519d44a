"""Numbers taken from label maps."""

import numpy as np
import numpy.typing as npt

from inference.pipelines.types import Measurement, Segment

VOLUME = ("118565006", "SCT", "Volume")
MILLILITRE = ("mL", "UCUM", "milliliter")


def volume_measurements(
    mask_zyx: npt.NDArray[np.uint8], segments: tuple[Segment, ...], voxel_ml: float
) -> tuple[Measurement, ...]:
    """Measure each segment's volume by counting voxels.

    Parameters
    ----------
    mask_zyx : (slices, rows, columns) uint8 label map
    segments : structures of the map
    voxel_ml : volume of a voxel in mL

    Returns
    -------
    one `Measurement` in mL a segment, in the segments' order
    """
    counts = np.bincount(mask_zyx.ravel(), minlength=256)
    return tuple(
        Measurement(
            segment_number=segment.number,
            name=VOLUME,
            value=float(sum(int(counts[value]) for value in segment.values) * voxel_ml),
            unit=MILLILITRE,
        )
        for segment in segments
    )

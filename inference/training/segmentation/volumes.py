"""A series with the masks of its SEG objects on one grid."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from archive.models import Instance, Series
from archive.retrieve.datasets import load_dataset, open_instance
from archive.retrieve.selectors import series_instances
from inference.errors import UnsupportedInputError
from inference.pipelines.volumes import read_volume

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.pipelines.types import Volume

_HALF = 0.5
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Masked:
    """A volume and its label map, (columns, rows, slices) as MONAI reads NIfTI.

    Attributes
    ----------
    image : float32, modality values
    labels : uint8, 0 where no structure is
    affine_ras : voxel index to patient coordinates in mm, as NIfTI has them
    spacing_mm : along the three axes
    """

    image: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    affine_ras: npt.NDArray[np.float64]
    spacing_mm: tuple[float, float, float]


def read_masked(series: int, masks: Mapping[int, tuple[int, int]]) -> Masked:
    """Read a series and its masks.

    Parameters
    ----------
    series : its primary key
    masks : value in the label map to SEG object and segment number; the larger value wins where
        segments overlap

    Returns
    -------
    Masked

    Raises
    ------
    UnsupportedInputError
        The series is no regular volume, or a mask can't be put on it.
    ArchiveError
        A file is gone or damaged.
    """
    rows = [row for row in series_instances(Series.objects.get(pk=series).pk) if row.has_pixel_data]
    volume = read_volume([load_dataset(row) for row in rows])
    labels = np.zeros(volume.array_zyx.shape, dtype=np.uint8)
    for value, (instance, number) in sorted(masks.items()):
        labels[mask_on(volume, _segmentation(instance), number)] = value
    if not labels.any():
        raise UnsupportedInputError("The masks lie outside of the series.")
    z, y, x = volume.spacing_mm_zyx
    return Masked(
        image=np.ascontiguousarray(volume.array_zyx.transpose(2, 1, 0), dtype=np.float32),
        labels=np.ascontiguousarray(labels.transpose(2, 1, 0)),
        affine_ras=_LPS_TO_RAS @ volume.affine_lps,
        spacing_mm=(x, y, z),
    )


def mask_on(volume: Volume, segmentation: Any, number: int) -> npt.NDArray[np.bool_]:
    """Return a segment's voxels on the grid of a volume, by their places in the patient.

    Parameters
    ----------
    volume : of the series
    segmentation : highdicom's, of any type, on any grid
    number : of the segment; a fractional one is inside from one half on

    Returns
    -------
    (slices, rows, columns)

    Raises
    ------
    UnsupportedInputError
        The segment's frames are no regular stack.
    """
    try:
        found = segmentation.get_volume(segment_numbers=[number], combine_segments=False)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UnsupportedInputError("A segment's frames are no regular stack.") from error
    array = np.asarray(found.array, dtype=np.float32)
    array = array[..., 0] if array.ndim > volume.array_zyx.ndim else array
    there = volume.affine_lps[:, [2, 1, 0, 3]]
    back = np.linalg.inv(found.affine) @ there
    placed = ndimage.affine_transform(
        array, back[:3, :3], back[:3, 3], output_shape=volume.array_zyx.shape, order=0,
        mode="constant", cval=0.0,
    )  # fmt: skip
    return np.asarray(placed >= _HALF, dtype=np.bool_)


def _segmentation(instance: int) -> Any:
    row = Instance.objects.select_related("blob").get(pk=instance)
    with open_instance(row) as stream:
        content = stream.read()
    try:
        return hd.seg.segread(io.BytesIO(content))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnsupportedInputError("A segmentation can't be read.") from error

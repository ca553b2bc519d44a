"""How well a segmentation agrees with another: Dice and Hausdorff. Importing this imports MONAI."""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.meandice import compute_dice

from archive.models import Instance
from archive.retrieve.datasets import open_instance
from inference.errors import UnsupportedInputError

Mask = npt.NDArray[np.bool_]
_MARGIN = 2
_MOST = 95


@dataclass(frozen=True)
class MaskFigures:
    """How one structure agrees.

    Attributes
    ----------
    label : name of the structure
    dice : 0 to 1
    hausdorff_mm, hausdorff_95_mm : largest distance of the surfaces, and its 95th percentile;
        None where one of them is empty
    volume_ml, truth_ml : of the judged one, of the truth
    """

    label: str
    dice: float
    hausdorff_mm: float | None
    hausdorff_95_mm: float | None
    volume_ml: float
    truth_ml: float


def evaluate_masks(
    masks: Mapping[str, tuple[Mask, Mask]], spacing_mm: Sequence[float]
) -> list[MaskFigures]:
    """Compare masks on one grid.

    Parameters
    ----------
    masks : name of a structure to the judged mask and the truth, (slices, rows, columns)
    spacing_mm : of the grid, in the order of its axes

    Returns
    -------
    one row a structure, by name
    """
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    return [
        MaskFigures(
            label=label,
            dice=_dice(judged, truth),
            **_distances(judged, truth, spacing_mm),
            volume_ml=round(float(judged.sum()) * voxel_ml, 3),
            truth_ml=round(float(truth.sum()) * voxel_ml, 3),
        )
        for label, (judged, truth) in sorted(masks.items())
    ]


def compare_stored(judged_uid: str, truth_uid: str) -> list[MaskFigures]:
    """Compare two segmentations of the archive, by the names of their segments.

    Parameters
    ----------
    judged_uid, truth_uid : SOP Instance UIDs of SEG objects in one frame of reference

    Returns
    -------
    as `evaluate_masks`, for the segments that both have

    Raises
    ------
    UnsupportedInputError
        One is no segmentation of this archive, or they share no grid or no segment.
    """
    judged, truth = _stored(judged_uid), _stored(truth_uid)
    ours, theirs = _segments(judged), _segments(truth)
    shared = sorted(set(ours) & set(theirs))
    if not shared:
        raise UnsupportedInputError("The two segmentations have no segment of the same name.")
    masks: dict[str, tuple[Mask, Mask]] = {}
    spacing: Sequence[float] = ()
    for name in shared:
        there = _volume(truth, theirs[name])
        here = _volume(judged, ours[name])
        try:
            here = here.match_geometry(there)
        except RuntimeError as error:
            raise UnsupportedInputError("The two segmentations lie on other grids.") from error
        masks[name] = (here.array > 0, there.array > 0)
        spacing = there.spacing
    return evaluate_masks(masks, spacing)


def _dice(judged: Mask, truth: Mask) -> float:
    if not judged.any() and not truth.any():
        return 1.0
    value = compute_dice(_batch(judged), _batch(truth), include_background=True)
    return round(float(torch.nan_to_num(value)[0, 0]), 5)


def _distances(judged: Mask, truth: Mask, spacing_mm: Sequence[float]) -> dict[str, float | None]:
    if not judged.any() or not truth.any():
        return {"hausdorff_mm": None, "hausdorff_95_mm": None}
    box = _box(judged | truth)
    pair = _batch(judged[box]), _batch(truth[box])
    found: dict[str, float | None] = {}
    for name, percentile in (("hausdorff_mm", None), ("hausdorff_95_mm", _MOST)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = compute_hausdorff_distance(
                *pair, include_background=True, percentile=percentile, spacing=list(spacing_mm)
            )
        found[name] = round(float(value[0, 0]), 3)
    return found


def _box(mask: Mask) -> tuple[slice, ...]:
    """Return what holds the mask with a margin: distances of the rest would only cost time."""
    found = []
    for axis in range(mask.ndim):
        others = tuple(one for one in range(mask.ndim) if one != axis)
        places = np.flatnonzero(mask.any(axis=others))
        found.append(slice(max(0, int(places[0]) - _MARGIN), int(places[-1]) + _MARGIN + 1))
    return tuple(found)


def _batch(mask: Mask) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(mask, dtype=np.float32))[None, None]


def _stored(uid: str) -> Any:
    instance = Instance.objects.filter(sop_instance_uid=uid, series__modality="SEG").first()
    if instance is None:
        raise UnsupportedInputError(f"There is no segmentation {uid} in this archive.")
    with open_instance(instance) as stream:
        return hd.seg.segread(io.BytesIO(stream.read()))


def _segments(seg: Any) -> dict[str, int]:
    return {
        seg.get_segment_description(number).segment_label: number for number in seg.segment_numbers
    }


def _volume(seg: Any, number: int) -> Any:
    volume = seg.get_volume(segment_numbers=[number], combine_segments=True)
    return volume.squeeze_channel() if volume.number_of_channel_dimensions else volume

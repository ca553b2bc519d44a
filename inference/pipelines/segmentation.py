"""Body, bone and lung of a CT by thresholds and connected components, from MONAI's transforms."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import ScaleIntensityRange
from monai.transforms.post.array import KeepLargestConnectedComponent
from monai.transforms.transform import Transform
from monai.transforms.utility.array import EnsureChannelFirst, Lambda, SqueezeDim
from scipy import ndimage

from inference.errors import UnsupportedInputError
from inference.pipelines.measuring import volume_measurements
from inference.pipelines.orientation import to_axial
from inference.pipelines.types import Segment, SegmentationResult, Volume

BODY, BONE, LUNG = 1, 2, 3
MIN_LUNG_ML = 300.0

_AIR_HU, _AIR_OR_SKIN_HU, _BONE_HU, _LUNG_HU = -1024.0, -300.0, 170.0, -400.0
_MAX_HU = 3071.0
_MIN_BONE_ML = 0.5
_MIN_BODY_ML = 1.0
_TABLE_GAP_MM = 3.0
_VESSEL_MM = 3.0
# Marrow of a vertebra or a hip; what the skull or a ring of ribs encloses is larger.
_LARGEST_MARROW_MM2 = 2500.0
_CORTEX_GAP_MM = 2.0
_COARSE_MM = 2.0
_CUT_RADII_MM = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0)

_ANATOMY = ("123037004", "SCT", "Body structure")
_TISSUE = ("85756007", "SCT", "Tissue")
SEGMENTS = (
    Segment(BODY, "Body", _ANATOMY, ("38266002", "SCT", "Entire body"), (BODY, BONE, LUNG)),
    Segment(BONE, "Bone", _TISSUE, ("272673000", "SCT", "Bone"), (BONE,)),
    Segment(LUNG, "Lung", _ANATOMY, ("39607008", "SCT", "Lung"), (LUNG,)),
)
NO_LUNG_NOTE = "No lung found: fewer than two air-filled parts of more than 300 mL in the body."

Mask = npt.NDArray[np.bool_]


class FillHolesBySlice(Transform):
    """Fill what is enclosed on each axial slice: lungs and bowel open only at the volume's ends.

    Parameters
    ----------
    largest_pixels : larger holes stay open; every hole is filled where absent
    """

    def __init__(self, largest_pixels: float | None = None) -> None:
        self.largest_pixels = largest_pixels

    def __call__(self, mask: torch.Tensor) -> torch.Tensor:
        """Fill the holes of a (1, slices, rows, columns) mask; the shape stays."""
        filled = [self._fill(plane) for plane in np.asarray(mask[0], dtype=bool)]
        return torch.from_numpy(np.stack(filled)[np.newaxis].astype(np.uint8))

    def _fill(self, plane: Mask) -> Mask:
        filled: Mask = ndimage.binary_fill_holes(plane)
        if self.largest_pixels is None:
            return filled
        holes, count = ndimage.label(filled & ~plane)
        if not count:
            return plane
        areas = np.bincount(holes.ravel())
        is_small = areas <= self.largest_pixels
        is_small[0] = False
        marrow: Mask = is_small[holes]
        return plane | marrow


class OpenBySlice(Transform):
    """Cut bridges thinner than twice the radius, such as where the skin touches the table.

    Parameters
    ----------
    radius_pixels : whole number; 0 changes nothing
    """

    def __init__(self, radius_pixels: int) -> None:
        self.radius_pixels = radius_pixels

    def __call__(self, mask: torch.Tensor) -> torch.Tensor:
        """Open each slice of a (1, slices, rows, columns) mask; the shape stays."""
        if self.radius_pixels == 0:
            return mask
        disk = _disk(self.radius_pixels)[np.newaxis]
        opened = ndimage.binary_opening(np.asarray(mask[0], dtype=bool), structure=disk)
        return torch.from_numpy(opened[np.newaxis].astype(np.uint8))


class CloseBySlice(Transform):
    """Close gaps thinner than twice the radius.

    Parameters
    ----------
    radius_pixels : whole number, at least 1
    """

    def __init__(self, radius_pixels: int) -> None:
        self.radius_pixels = radius_pixels

    def __call__(self, mask: torch.Tensor) -> torch.Tensor:
        """Close each slice of a (1, slices, rows, columns) mask; the shape stays."""
        before = np.asarray(mask[0], dtype=bool)
        disk = _disk(self.radius_pixels)[np.newaxis]
        after = ndimage.binary_closing(before, structure=disk) | before
        return torch.from_numpy(after[np.newaxis].astype(np.uint8))


def segment_ct(volume: Volume) -> SegmentationResult:
    """Segment body, bone and lung.

    Parameters
    ----------
    volume : CT in HU

    Returns
    -------
    SegmentationResult
        label map 1 body (soft tissue), 2 bone, 3 lung; the segment *Body* comprises all three.
        A structure that is not there has no segment, and lung only counts as found when two
        separate parts in the body each hold more than 300 mL of air-filled tissue.

    Raises
    ------
    UnsupportedInputError
        The volume is no CT, a localizer, or shows no body.
    """
    _check_ct(volume)
    # Holes are filled and bridges cut slice by slice: on axial slices, however they are stored.
    turned = to_axial(volume)
    mask, notes = _label_map(turned.volume)
    return _describe(turned.restore(mask), volume, notes)


def _label_map(volume: Volume) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    hu_zyx = np.clip(volume.array_zyx, _AIR_HU, _MAX_HU)
    body = _body_mask(hu_zyx, volume)
    if body.sum() * volume.voxel_ml < _MIN_BODY_ML:
        raise UnsupportedInputError("The CT shows no body: nothing is denser than air.")
    lung = _lung_mask(hu_zyx, body, volume)
    bone = _bone_mask(hu_zyx, body, volume)
    mask = body.astype(np.uint8)
    mask[bone] = BONE
    if lung is None:
        return mask, (NO_LUNG_NOTE,)
    mask[lung] = LUNG
    return mask, ()


def _check_ct(volume: Volume) -> None:
    if volume.modality != "CT":
        raise UnsupportedInputError("Thresholds in HU need a CT.")
    for ds in volume.datasets:
        if "LOCALIZER" in [str(value).upper() for value in ds.get("ImageType") or ()]:
            raise UnsupportedInputError("A localizer shows no cross sections.")


def _threshold(*, above_hu: float) -> list[Any]:
    """MONAI transforms from HU (slices, rows, columns) to a mask with a channel axis."""
    return [
        EnsureChannelFirst(channel_dim="no_channel"),
        ScaleIntensityRange(a_min=above_hu - 0.5, a_max=above_hu + 0.5, b_min=0, b_max=1),
        Lambda(func=lambda scaled: (scaled > 0.5).to(torch.uint8)),
    ]


def _apply(pipeline: Compose, array_zyx: npt.NDArray[np.float32]) -> Mask:
    result = pipeline(torch.from_numpy(np.ascontiguousarray(array_zyx)))
    return np.asarray(result, dtype=bool)


def _body_mask(hu_zyx: npt.NDArray[np.float32], volume: Volume) -> Mask:
    radius = round(_TABLE_GAP_MM / min(volume.spacing_mm_zyx[1:]))
    pipeline = Compose(
        [
            *_threshold(above_hu=_AIR_OR_SKIN_HU),
            OpenBySlice(min(radius, 4)),
            KeepLargestConnectedComponent(applied_labels=[1]),
            FillHolesBySlice(),
            SqueezeDim(dim=0),
        ]
    )
    return _apply(pipeline, hu_zyx)


def _bone_mask(hu_zyx: npt.NDArray[np.float32], body: Mask, volume: Volume) -> Mask:
    smallest = _MIN_BONE_ML / volume.voxel_ml
    _, row_mm, column_mm = volume.spacing_mm_zyx
    pipeline = Compose(
        [
            *_threshold(above_hu=_BONE_HU),
            Lambda(func=lambda dense: _components_above(np.asarray(dense[0]) & body, smallest)),
            Lambda(func=lambda dense: torch.from_numpy(dense[np.newaxis].astype(np.uint8))),
            # Marrow is no denser than muscle, but the cortex around it closes.
            CloseBySlice(max(1, round(_CORTEX_GAP_MM / min(volume.spacing_mm_zyx[1:])))),
            FillHolesBySlice(_LARGEST_MARROW_MM2 / (row_mm * column_mm)),
            SqueezeDim(dim=0),
        ]
    )
    return _apply(pipeline, hu_zyx) & body


def _lung_mask(hu_zyx: npt.NDArray[np.float32], body: Mask, volume: Volume) -> Mask | None:
    """Return both lungs, or None where the guard says that there are none."""
    pipeline = Compose([*_threshold(above_hu=_LUNG_HU), SqueezeDim(dim=0)])
    smallest = MIN_LUNG_ML / volume.voxel_ml
    air = _components_above(~_apply(pipeline, hu_zyx) & body, smallest)
    if not air.any():
        return None
    labels, count = ndimage.label(air)
    lungs = air if count >= 2 else _without_airways(air, volume)
    if lungs is None:
        return None
    if count > 2:
        sizes = np.bincount(labels.ravel())[1:]
        lungs = np.isin(labels, np.argsort(sizes)[-2:] + 1)
    # Vessels are denser than the lung around them but belong to it.
    close = CloseBySlice(max(1, round(_VESSEL_MM / min(volume.spacing_mm_zyx[1:]))))
    closed = close(torch.from_numpy(lungs[np.newaxis]))
    return np.asarray(closed[0], dtype=bool) & body


def _without_airways(air: Mask, volume: Volume) -> Mask | None:
    """Cut lungs that hang together by the trachea into two parts, or return None.

    The cut is an opening with a growing ball, on a coarser grid for speed.
    """
    stride = max(1, round(_COARSE_MM / min(volume.spacing_mm_zyx[1:])))
    coarse = air[:, ::stride, ::stride]
    slices, rows, columns = volume.spacing_mm_zyx
    sampling = (slices, rows * stride, columns * stride)
    depth_mm = ndimage.distance_transform_edt(coarse, sampling=sampling)
    smallest = MIN_LUNG_ML / (volume.voxel_ml * stride**2)
    for radius_mm in _CUT_RADII_MM:
        cores = depth_mm > radius_mm
        opened = ndimage.distance_transform_edt(~cores, sampling=sampling) <= radius_mm
        opened = _components_above(opened & coarse, smallest)
        if ndimage.label(opened)[1] >= 2:
            fine = opened.repeat(stride, axis=1).repeat(stride, axis=2)
            return np.asarray(air & fine[:, : air.shape[1], : air.shape[2]], dtype=bool)
    return None


def _components_above(mask: Mask, smallest: float) -> Mask:
    """Keep the connected components of more than so many voxels."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes > smallest)[labels], dtype=bool)


def _disk(radius: int) -> Mask:
    offsets = np.arange(-radius, radius + 1)
    return np.asarray(offsets[:, np.newaxis] ** 2 + offsets**2 <= radius**2, dtype=bool)


def _describe(
    mask: npt.NDArray[np.uint8], volume: Volume, notes: tuple[str, ...]
) -> SegmentationResult:
    present = set(np.unique(mask).tolist())
    found = tuple(segment for segment in SEGMENTS if present & set(segment.values))
    numbered = tuple(
        replace(segment, number=number) for number, segment in enumerate(found, start=1)
    )
    return SegmentationResult(
        mask_zyx=mask,
        segments=numbered,
        measurements=volume_measurements(mask, numbered, volume.voxel_ml),
        device="cpu",
        notes=notes,
    )

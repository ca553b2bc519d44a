"""White matter, grey matter and CSF of a T1 MR head: to 1 mm, through the network, and back."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch.nn import functional

from inference.errors import UnsupportedInputError
from inference.pipelines.brain_refining import CSF, GREY, WHITE, refine_tissues
from inference.pipelines.devices import CPU
from inference.pipelines.measuring import volume_measurements
from inference.pipelines.orientation import to_axial
from inference.pipelines.sliding_window import Network, Windows, label_volume
from inference.pipelines.types import Segment, SegmentationResult, Volume

WINDOWS = Windows(size_zyx=(96, 96, 96), overlap=0.25, batch=4)

_TISSUE = ("85756007", "SCT", "Tissue")
_SUBSTANCE = ("91720002", "SCT", "Body substance")
SEGMENTS = (
    Segment(WHITE, "White matter", _TISSUE, ("68523003", "SCT", "Cerebral White Matter"), (WHITE,)),
    Segment(GREY, "Grey matter", _TISSUE, ("40146001", "SCT", "Cerebral Gray Matter"), (GREY,)),
    Segment(CSF, "CSF", _SUBSTANCE, ("65216001", "SCT", "Cerebrospinal fluid"), (CSF,)),
)
NO_BRAIN_NOTE = "No brain found: less than 300 mL of white and grey matter in one piece."
CSF_NOTE = "CSF is what is left inside the skull; it was not evaluated."

_GRID_MM = 1.0
# Nearer to 1 mm than this, voxels are taken as they are.
_AS_IS = 0.02
_LEAST_MM, _COARSEST_MM = 100.0, 6.0
# From the top of the head: what lies below is neck.
_HEAD_MM = 210.0
_MARGIN = 8
_LOW_PERCENT, _HIGH_PERCENT, _BRIGHTEST = 1.0, 99.5, 1.2
_FOREGROUND = 0.08
_MIN_BRAIN_ML = 300.0

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Head:
    """What the network takes, and where it was cut from."""

    image_zyx: npt.NDArray[np.float32]
    box: tuple[slice, slice, slice]
    grid: tuple[int, int, int]


def segment_brain(volume: Volume, network: Network, *, device: str = CPU) -> SegmentationResult:
    """Label the brain's tissues.

    Parameters
    ----------
    volume : T1-weighted MR of a whole head, or of a brain cut out of one, in any orientation
    network : a `BrainTissueNet` and its weights
    device : ``cpu``, ``cuda`` or ``cuda:1``

    Returns
    -------
    SegmentationResult
        white matter 1, grey matter 2, CSF 3; no segments where no brain was found

    Raises
    ------
    UnsupportedInputError
        No MR, not a whole head, or slices that are too thick.
    """
    _check(volume)
    turned = to_axial(volume)
    head = _prepare(turned.volume)
    # The network's axes run right, anterior, superior; ours up, back, left.
    image = np.ascontiguousarray(head.image_zyx[:, ::-1, ::-1].transpose(2, 1, 0))
    labelled = label_volume(network, image[np.newaxis], WINDOWS, device=device)
    found = np.ascontiguousarray(labelled.labels_zyx.transpose(2, 1, 0)[:, ::-1, ::-1])
    labels = np.zeros(head.grid, dtype=np.uint8)
    labels[head.box] = _one_brain(refine_tissues(head.image_zyx, found.astype(np.uint8)))
    notes = tuple(note for note in (labelled.note, CSF_NOTE) if note)
    if (labels != 0).sum() == 0:
        empty = np.zeros(volume.array_zyx.shape, dtype=np.uint8)
        return SegmentationResult(empty, (), (), labelled.device, (NO_BRAIN_NOTE,))
    mask = turned.restore(_resized(labels, turned.volume.array_zyx.shape))
    return SegmentationResult(
        mask_zyx=mask,
        segments=SEGMENTS,
        measurements=volume_measurements(mask, SEGMENTS, volume.voxel_ml),
        device=labelled.device,
        notes=notes,
    )


def _check(volume: Volume) -> None:
    if volume.modality and volume.modality != "MR":
        raise UnsupportedInputError(f"The model is for MR; the series is {volume.modality}.")
    if max(volume.spacing_mm_zyx) > _COARSEST_MM:
        raise UnsupportedInputError(
            f"The slices are {max(volume.spacing_mm_zyx):.1f} mm apart; "
            f"{_COARSEST_MM:.0f} mm is the most."
        )
    reach = [n * mm for n, mm in zip(volume.array_zyx.shape, volume.spacing_mm_zyx, strict=True)]
    if min(reach) < _LEAST_MM:
        raise UnsupportedInputError(
            f"The series shows {min(reach):.0f} mm in one direction; a head takes {_LEAST_MM:.0f}."
        )


def _prepare(volume: Volume) -> _Head:
    """Bring an axial volume to 1 mm and to 0..1.2, and cut the head out."""
    sides = tuple(
        n if abs(mm / _GRID_MM - 1) < _AS_IS else max(16, round(n * mm / _GRID_MM))
        for n, mm in zip(volume.array_zyx.shape, volume.spacing_mm_zyx, strict=True)
    )
    array = volume.array_zyx
    if sides != array.shape:
        array = _interpolated(_antialiased(array, sides), sides)
    low, high = np.percentile(array, (_LOW_PERCENT, _HIGH_PERCENT))
    scaled = np.clip((array - low) / max(float(high - low), 1e-6), 0.0, _BRIGHTEST)
    box = _head_box(scaled)
    return _Head(scaled[box].astype(np.float32), box, (sides[0], sides[1], sides[2]))


def _antialiased(array: npt.NDArray[np.float32], sides: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Blur along the axes that will have fewer voxels."""
    factors = [old / new for old, new in zip(array.shape, sides, strict=True)]
    sigmas = [0.5 * np.sqrt(max(factor**2 - 1, 0.0)) for factor in factors]
    if max(sigmas) < 0.1:
        return array
    blurred: npt.NDArray[np.float32] = ndimage.gaussian_filter(array, sigmas)
    return blurred


def _interpolated(
    array: npt.NDArray[np.float32], sides: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    image = torch.from_numpy(np.ascontiguousarray(array))[None, None]
    resized = functional.interpolate(image, size=sides, mode="trilinear", align_corners=False)
    return resized[0, 0].numpy()


def _head_box(scaled: npt.NDArray[np.float32]) -> tuple[slice, slice, slice]:
    """Return the box of what is brighter than air, without the neck."""
    bright = scaled > _FOREGROUND
    ranges = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        # A few bright specks of air's noise make no head.
        seen = np.flatnonzero(bright.mean(axis=others) > 0.01)
        first, last = (int(seen[0]), int(seen[-1])) if seen.size else (0, scaled.shape[axis] - 1)
        ranges.append([max(first - _MARGIN, 0), min(last + _MARGIN + 1, scaled.shape[axis])])
    ranges[0][0] = max(ranges[0][0], ranges[0][1] - int(_HEAD_MM / _GRID_MM))
    z, y, x = (slice(first, last) for first, last in ranges)
    return z, y, x


def _one_brain(labels: Labels) -> Labels:
    """Take what is too small for the tissue of a brain as none at all."""
    tissue = (labels == WHITE) | (labels == GREY)
    is_brain = tissue.sum() * _GRID_MM**3 / 1000 >= _MIN_BRAIN_ML
    return labels if is_brain else np.zeros_like(labels)


def _resized(labels: Labels, shape: tuple[int, ...]) -> Labels:
    """Bring labels to another grid over the same space: each voxel gets what covers most of it."""
    if labels.shape == shape:
        return labels
    best = np.full(shape, -1.0, dtype=np.float32)
    out = np.zeros(shape, dtype=np.uint8)
    for value in (0, WHITE, GREY, CSF):
        share = _antialiased((labels == value).astype(np.float32), shape)
        share = _interpolated(share, shape)
        out[share > best] = value
        np.maximum(best, share, out=best)
    return out

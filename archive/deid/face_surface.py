"""Where face and ears lie in the volume of a head: behind smooth surfaces, by anatomy alone.

Lengths are those of adults (vertex to brow 95 mm, to the root of the nose 113 mm, to the chin
232 mm), scaled by the length of the head that is seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import threshold_otsu

Volume = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]

_AIR_HU = -300.0
# Skin is darker than brain in most weightings.
_SKIN_SHARE = 0.35
_ADULT_LENGTH_MM = 190.0
# Below the vertex in mm, and how deep behind the smoothed surface the cut lies.
_LEVELS_MM = (0.0, 70.0, 88.0, 100.0, 122.0, 235.0, 255.0)
_DEPTHS_MM = (0.0, 0.0, 6.0, 10.0, 25.0, 25.0, 0.0)
# Where the vertex is outside the volume nobody knows the level: skin alone is taken.
_UNKNOWN_DEPTH_MM = 10.0
_HALF_WIDTH_MM, _SIDE_MM = 62.0, 18.0
_SMOOTHING_MM = 20.0
# What sticks out and is narrower than this goes to its root, wherever the cut is this deep.
_BUMP_MM, _BUMP_DEPTH_MM, _UNDER_BUMP_MM = 44.0, 8.0, 4.0
# Where ears may be: below the vertex in mm, in shares of the head's length from its front.
_EAR_LEVELS_MM, _EAR_PLACE = (80.0, 215.0), (0.28, 0.85)
# An ear is narrower than this from front to back: the side of the head behind it is found so.
_EAR_MM, _EAR_HEIGHT_MM, _UNDER_EAR_MM = 48.0, 12.0, 2.0
_PADDING = 3
_SMALLEST_AREA_MM2 = 1200.0
_HEAD_LENGTHS_MM, _HEAD_WIDTHS_MM = (125.0, 235.0), (95.0, 195.0)


def head_mask(volume_zyx: Volume, *, is_hounsfield: bool) -> Mask:
    """Tell the head from the air around it.

    Parameters
    ----------
    volume_zyx
        modality values
    is_hounsfield
        whether they are HU

    Returns
    -------
    the largest connected body, holes in its cross-sections filled
    """
    share = _SKIN_SHARE
    threshold = _AIR_HU if is_hounsfield else float(threshold_otsu(volume_zyx)) * share
    # Beyond the volume the body goes on.
    inside = np.pad(volume_zyx > threshold, _PADDING, mode="edge")
    body = ndimage.binary_opening(inside, iterations=1)
    labels, count = ndimage.label(body)
    if count == 0:
        return np.zeros(volume_zyx.shape, np.bool_)
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    body = ndimage.binary_closing(labels == largest, iterations=2)
    body = body[_PADDING:-_PADDING, _PADDING:-_PADDING, _PADDING:-_PADDING]
    filled = [ndimage.binary_fill_holes(section) for section in body]
    return np.asarray(filled, np.bool_)


def face_mask(head_zyx: Mask, spacing_mm: Spacing, *, must_look_like_head: bool) -> Mask | None:
    """Return what lies in front of a smooth surface behind the face, and beside one at the ears.

    Parameters
    ----------
    head_zyx
        axes run from feet to head, from front to back, from right to left
    spacing_mm
        of these axes
    must_look_like_head
        whether its shape has to be a head's, where nobody said so

    Returns
    -------
    true for the face, the ears, and the air in front of and beside them; None where there is
    no head
    """
    areas = head_zyx.sum(axis=(1, 2)) * spacing_mm[1] * spacing_mm[2]
    levels = np.flatnonzero(areas > _SMALLEST_AREA_MM2)
    if levels.size < 2:
        return None
    top = int(levels[-1])
    is_cut_off = top >= len(areas) - 2 and areas[top] > 0.35 * areas.max()
    below_mm = (top - np.arange(len(areas))) * spacing_mm[0]
    length_mm, width_mm = _extent_mm(head_zyx, below_mm, spacing_mm)
    if must_look_like_head and (is_cut_off or not _is_head(length_mm, width_mm)):
        return None
    if is_cut_off:
        depth_mm, scale = np.full(len(areas), _UNKNOWN_DEPTH_MM), 1.0
    else:
        scale = float(np.clip(length_mm / _ADULT_LENGTH_MM, 0.6, 1.1))
        depth_mm = np.interp(below_mm / scale, _LEVELS_MM, _DEPTHS_MM, left=0.0) * scale
    # Where the vertex is missing, ears may be anywhere.
    is_level = np.full(len(areas), fill_value=True)
    if not is_cut_off:
        low, high = (level * scale for level in _EAR_LEVELS_MM)
        is_level = (below_mm >= low) & (below_mm <= high)
    ears = _beside(head_zyx, is_level, spacing_mm, scale)
    return _in_front(head_zyx, depth_mm, spacing_mm, scale) | ears


def _extent_mm(
    head_zyx: Mask, below_mm: npt.NDArray[np.floating[Any]], spacing: Spacing
) -> tuple[float, float]:
    """Return length and width of the head above the face, as far as it is seen."""
    skull = head_zyx[(below_mm >= 0) & (below_mm <= 100.0)]
    if not skull.any():
        return 0.0, 0.0
    along, across = np.flatnonzero(skull.any(axis=(0, 2))), np.flatnonzero(skull.any(axis=(0, 1)))
    length = (along[-1] - along[0] + 1) * spacing[1]
    return float(length), float((across[-1] - across[0] + 1) * spacing[2])


def _is_head(length_mm: float, width_mm: float) -> bool:
    return (
        _HEAD_LENGTHS_MM[0] <= length_mm <= _HEAD_LENGTHS_MM[1]
        and _HEAD_WIDTHS_MM[0] <= width_mm <= _HEAD_WIDTHS_MM[1]
        and length_mm >= 0.95 * width_mm
    )


def _in_front(
    head_zyx: Mask, depth_mm: npt.NDArray[np.floating[Any]], spacing: Spacing, scale: float
) -> Mask:
    hit: Mask = np.asarray(head_zyx.any(axis=1), np.bool_)
    front = np.where(hit, head_zyx.argmax(axis=1), 0).astype(np.float64)
    # Without the bumps that make a face: else the cut would be its copy, further in.
    sigma = (_SMOOTHING_MM * scale / spacing[0], _SMOOTHING_MM * scale / spacing[2])
    weight = ndimage.gaussian_filter(hit.astype(np.float64), sigma)
    smooth = ndimage.gaussian_filter(front * hit, sigma) / np.maximum(weight, 1e-6)
    columns = np.flatnonzero(head_zyx.any(axis=(0, 1)))
    middle = (columns[0] + columns[-1]) / 2
    aside_mm = np.abs(np.arange(head_zyx.shape[2]) - middle) * spacing[2]
    share = np.clip((scale * (_HALF_WIDTH_MM + _SIDE_MM) - aside_mm) / _SIDE_MM, 0.0, 1.0)
    depth = depth_mm[:, None] * share[None, :] / spacing[1]
    limit = np.where((depth > 0) & hit, smooth + depth, -1.0)
    root = _without_bumps(front, hit, spacing, scale) + _UNDER_BUMP_MM / spacing[1]
    is_deep = depth * spacing[1] >= _BUMP_DEPTH_MM * scale
    limit = np.where(is_deep & hit, np.maximum(limit, root), limit)
    return np.arange(head_zyx.shape[1])[None, :, None] <= limit[:, None, :]


def _beside(
    head_zyx: Mask, is_level: npt.NDArray[np.bool_], spacing: Spacing, scale: float
) -> Mask:
    """Return what is beside the head where ears are: thin ears are no part of the head's mask.

    Behind the surface go, at the most, a few millimetres of skin: where the side is curved, the
    surface is flat for the width of an ear.
    """
    found = np.zeros(head_zyx.shape, np.bool_)
    along = np.flatnonzero((head_zyx & is_level[:, None, None]).any(axis=(0, 2)))
    if along.size < 2:
        return found
    rows = np.arange(head_zyx.shape[1])
    place = (rows - along[0]) / (along[-1] - along[0])
    zone = is_level[:, None] & ((place >= _EAR_PLACE[0]) & (place <= _EAR_PLACE[1]))[None, :]
    size = tuple(
        max(3, round(length * scale / one))
        for length, one in ((_EAR_HEIGHT_MM, spacing[0]), (_EAR_MM, spacing[1]))
    )
    for side in (head_zyx, head_zyx[..., ::-1]):
        hit = side.any(axis=2)
        skin = np.where(hit, side.argmax(axis=2), 0).astype(np.float64)
        behind = float(skin.max()) if hit.any() else 0.0
        root = ndimage.grey_closing(np.where(hit, skin, behind), size=size)
        limit = np.where(zone & hit, root + _UNDER_EAR_MM / spacing[2], -1.0)
        beside = np.arange(head_zyx.shape[2])[None, None, :] <= limit[..., None]
        found |= beside if side is head_zyx else beside[..., ::-1]
    return found


def _without_bumps(
    front: npt.NDArray[np.float64], hit: Mask, spacing: Spacing, scale: float
) -> npt.NDArray[np.float64]:
    """Return the foremost surface with what sticks out of it flattened."""
    size = tuple(max(3, round(_BUMP_MM * scale / one)) for one in (spacing[0], spacing[2]))
    behind = float(front.max()) if hit.any() else 0.0
    closed = ndimage.grey_closing(np.where(hit, front, behind), size=size)
    return np.asarray(closed, np.float64)

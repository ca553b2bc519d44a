"""Colours that segments are drawn in: their own where they state one, else told apart by eye."""

from typing import Any

import numpy as np

# Bright on grey, apart for colour-blind eyes too (after Okabe and Ito), none of them grey.
_PALETTE = (
    (86, 180, 233),
    (240, 150, 40),
    (0, 190, 140),
    (240, 228, 66),
    (214, 110, 170),
    (120, 130, 255),
    (255, 110, 90),
    (150, 220, 90),
)
_WHITE = (0.9505, 1.0, 1.089)
_FROM_XYZ = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)
_DELTA = 6 / 29


def segment_colour(cielab: Any, place: int) -> tuple[int, int, int]:
    """Return the colour of a segment.

    Parameters
    ----------
    cielab : Recommended Display CIELab Value, three 16-bit numbers; anything else is not one
    place : of the segment among its like, from 0

    Returns
    -------
    red, green, blue, 0 to 255

    References
    ----------
    DICOM PS3.3 C.10.7.1.1; sRGB with white D65, which screens take
    """
    try:
        values = [float(value) for value in cielab]
    except (TypeError, ValueError):
        values = []
    if len(values) != 3 or not all(0 <= value <= 65535 for value in values):
        return _PALETTE[place % len(_PALETTE)]
    lightness = values[0] * 100 / 65535
    a, b = (value * 255 / 65535 - 128 for value in values[1:])
    middle = (lightness + 16) / 116
    xyz = [
        white * _linear(part)
        for white, part in zip(_WHITE, (middle + a / 500, middle, middle - b / 200), strict=True)
    ]
    linear = np.clip(_FROM_XYZ @ np.array(xyz), 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (round(float(value) * 255) for value in curved)
    return red, green, blue


def _linear(part: float) -> float:
    return float(part**3 if part > _DELTA else 3 * _DELTA**2 * (part - 4 / 29))

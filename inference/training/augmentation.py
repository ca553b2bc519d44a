"""Ways in which the same image looks elsewhere: other windows, other fields of view, other scale.

The labelled images come from few sources, each with marks of its own (MedNIST: 64 pixels, grey
background on its CT). A head that saw only them would learn the marks. Every variant here is
deterministic.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Picture = npt.NDArray[np.uint8]
Variant = Callable[[Picture], Picture]

_SIDE = 224
_NOISE = 8.0
_COARSE_SIDE = 64


def as_it_is(image: Picture) -> Picture:
    return image


def on_black(image: Picture) -> Picture:
    """Stretch so that the background is black and the brightest tissue white."""
    low = _ground(image)
    high = max(float(np.percentile(image, 99.8)), low + 1)
    return _to_picture((image.astype(np.float64) - low) / (high - low) * 255)


def in_narrow_window(image: Picture) -> Picture:
    """Show the brightest fifth of what isn't background as white, as a soft-tissue window does."""
    low = _ground(image)
    tissue = image[image > low + 8]
    high = max(float(np.percentile(tissue, 80)) if tissue.size else 255.0, low + 10)
    return _to_picture((image.astype(np.float64) - low) / (high - low) * 255)


def seen_from_afar(image: Picture) -> Picture:
    """Put the image on a black canvas a quarter larger."""
    black = on_black(image)
    side = int(max(black.shape) * 1.25)
    canvas = np.zeros((side, side), dtype=np.uint8)
    top, left = ((side - length) // 2 for length in black.shape)
    canvas[top : top + black.shape[0], left : left + black.shape[1]] = black
    return canvas


def seen_close(image: Picture) -> Picture:
    """Cut a border of 7.5 % away on each side."""
    black = on_black(image)
    rows, columns = (int(length * 0.075) for length in black.shape)
    return black[rows : black.shape[0] - rows, columns : black.shape[1] - columns]


def coarse(image: Picture) -> Picture:
    return _resized(image, _COARSE_SIDE) if max(image.shape) > _COARSE_SIDE else image


def sharpened(image: Picture) -> Picture:
    enlarged = Image.fromarray(_resized(on_black(image), _SIDE))
    return np.asarray(enlarged.filter(ImageFilter.UnsharpMask(3, 200, 0)))


def brighter(image: Picture) -> Picture:
    return _to_picture(255 * (on_black(image) / 255.0) ** 0.7)


def darker(image: Picture) -> Picture:
    return _to_picture(255 * (on_black(image) / 255.0) ** 1.5)


def noisy(image: Picture) -> Picture:
    """Add grain to what isn't background."""
    enlarged = _resized(on_black(image), _SIDE).astype(np.float64)
    grain = np.random.default_rng(0).normal(0, _NOISE, enlarged.shape)
    return _to_picture(enlarged + grain * (enlarged > 0))


def narrow_and_sharp(image: Picture) -> Picture:
    return sharpened(in_narrow_window(image))


def narrow_and_afar(image: Picture) -> Picture:
    return seen_from_afar(in_narrow_window(image))


def narrow_and_noisy(image: Picture) -> Picture:
    return noisy(in_narrow_window(image))


# About half of the variants are for judging a head that was fitted on the other half.
FITTED: tuple[Variant, ...] = (
    as_it_is,
    on_black,
    seen_from_afar,
    coarse,
    brighter,
    in_narrow_window,
    narrow_and_sharp,
)
UNSEEN: tuple[Variant, ...] = (
    seen_close,
    sharpened,
    darker,
    noisy,
    narrow_and_afar,
    narrow_and_noisy,
)


def _ground(image: Picture) -> float:
    """Return the background's value: the border's, unless that is tissue or already black."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    value = float(np.median(border))
    return value if 20 <= value <= 200 else float(np.percentile(image, 5))


def _resized(image: Picture, side: int) -> Picture:
    picture = Image.fromarray(image)
    scale = side / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def _to_picture(values: npt.NDArray[np.float64]) -> Picture:
    return np.clip(values, 0, 255).astype(np.uint8)

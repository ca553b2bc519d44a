"""Pixels that tell who somebody is: burned-in text masked and read again, faces taken off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from archive.deid.holding import may_show_text, says_burned_in
from archive.deid.profiles import CLEAN_FEATURES_CODE, CLEAN_PIXELS_CODE, add_method
from archive.deid.text_reading import read_words
from archive.deid.text_regions import Region, is_marker, mask_of, text_regions
from archive.dicom.image_pixel import describe_pixels
from archive.dicom.pixels import decode_frame
from archive.dicom.rendering import render_frame
from archive.dicom.transcoding import redraw
from archive.errors import NotAcceptableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from pydicom.dataset import Dataset

    from archive.deid.text_reading import Picture
    from archive.dicom.image_pixel import ImagePixel

    Mask = npt.NDArray[np.bool_]

# Text under masked text, or beside it, shows when the first is gone.
_ROUNDS = 4
# Two ways to show a frame are both read where they differ by more than this, of 255.
_ALIKE = 4.0


@dataclass(frozen=True)
class PixelReport:
    """What was done to the pixels of one instance; never what was read.

    Attributes
    ----------
    frames : how many were read
    regions : masked rectangles, (left, top, width, height) in pixels, in every frame
    kept_markers : how many markers of sides and views were left in place
    has_lost_face : whether a face was taken off
    """

    frames: int = 0
    regions: tuple[Region, ...] = ()
    kept_markers: int = 0
    has_lost_face: bool = False


def clean_pixels(
    ds: Dataset,
    *,
    face_fyx: Mask | None = None,
    reads_text: bool | None = None,
    keep: Callable[[], None] | None = None,
) -> PixelReport:
    """Mask the text that is burned into an image, and the face that it shows; in place.

    Every frame is read in a child process with limits. What is found is masked in all frames,
    then every frame is read again, until nothing is left. Where something was masked, the data
    set is native Explicit VR Little Endian afterwards. It says that nothing is burned in, and
    names the methods (113101, 113102).

    Parameters
    ----------
    ds
        with ``file_meta``, as `archive.deid.engine.deidentify` makes it (``made.ds``)
    face_fyx
        (frames, rows, columns), true where the face is, of `archive.deid.faces.find_face`
    reads_text
        by default every image but the cross-sections as a scanner makes them, which hold no
        text; true for those too, false where only the face goes
    keep
        is called before each frame is read: many frames take minutes

    Returns
    -------
    PixelReport

    Raises
    ------
    NotAcceptableError
        ``text-remains``: text is still read after masking; ``text-not-found``: the file says
        that its pixels show an identity, but no text was found; ``no-text-reader``: the extra
        ``ocr`` is not installed. The instance must not leave.
    PixelDecodingError, LimitExceededError
        The pixels can't be decoded, or are too many.

    References
    ----------
    DICOM PS3.15 E.3.1 (Clean Pixel Data), E.3.2 (Clean Recognizable Visual Features)
    """
    if "Rows" not in ds:
        return PixelReport()
    has_face = face_fyx is not None and bool(face_fyx.any())
    if face_fyx is not None and has_face:
        _mask(ds, face_fyx)
        add_method(ds, CLEAN_FEATURES_CODE)
        ds.RecognizableVisualFeatures = "NO"
    if not (may_show_text(ds) if reads_text is None else reads_text):
        return PixelReport(has_lost_face=has_face)
    was_said = says_burned_in(ds)
    frames, regions, markers = _without_text(ds, keep or _go_on)
    if was_said and not regions:
        message = "The file says that its pixels show an identity, but no text is found in them."
        raise NotAcceptableError(message, code="text-not-found")
    ds.BurnedInAnnotation = "NO"
    add_method(ds, CLEAN_PIXELS_CODE)
    return PixelReport(frames, tuple(regions), markers, has_face)


def _go_on() -> None:
    pass


def _without_text(ds: Dataset, keep: Callable[[], None]) -> tuple[int, list[Region], int]:
    """Mask text until none is read; return frames, rectangles and the markers left."""
    regions: list[Region] = []
    for _ in range(_ROUNDS):
        pixel = describe_pixels(ds)
        found, markers = _read(ds, pixel, keep)
        if not found:
            return pixel.frames, regions, markers
        if pixel.is_float:
            break
        regions += found
        _mask(ds, mask_of(found, pixel.rows, pixel.columns)[None])
    message = "Text is still read in the pixels after it was masked."
    raise NotAcceptableError(message, code="text-remains")


def _read(ds: Dataset, pixel: ImagePixel, keep: Callable[[], None]) -> tuple[list[Region], int]:
    regions: dict[Region, None] = {}
    markers = 0
    seen: set[bytes] = set()
    for index in range(pixel.frames):
        keep()
        for picture in _pictures(ds, index):
            content = picture.tobytes()
            if content in seen:
                continue
            # The last frame alone is remembered: still pictures in a row are read once.
            seen = {content}
            words = read_words(picture)
            regions.update(dict.fromkeys(text_regions(words, pixel.rows, pixel.columns)))
            markers = max(markers, sum(is_marker(word) for word in words))
    return list(regions), markers


def _pictures(ds: Dataset, index: int) -> list[Picture]:
    """Show a frame as it is meant to be seen, and in its whole range where that differs."""
    shown = render_frame(ds, index)
    if shown.ndim == 3:
        return [shown]
    samples = decode_frame(ds, index).astype(np.float32)
    low, high = float(np.nanmin(samples)), float(np.nanmax(samples))
    whole = ((samples - low) * (255.0 / max(high - low, 1e-6))).astype(np.uint8)
    difference = np.abs(shown.astype(np.float32) - whole).mean()
    inverse = np.abs(255.0 - shown.astype(np.float32) - whole).mean()
    return [shown] if min(difference, inverse) < _ALIKE else [shown, whole]


def _mask(ds: Dataset, mask_fyx: Mask) -> None:
    """Blacken pixels; one mask serves all frames, or each has its own."""

    def draw(
        index: int, samples: npt.NDArray[np.generic], photometric: str
    ) -> npt.NDArray[np.generic]:
        mask = mask_fyx[index if len(mask_fyx) > 1 else 0]
        drawn = samples.copy()
        drawn[mask] = _black(samples, photometric, ds)
        return drawn

    redraw(ds, draw)


def _black(
    samples: npt.NDArray[np.generic], photometric: str, ds: Dataset
) -> npt.NDArray[np.generic]:
    """Return the sample that shows as black: what is masked is not brought back by a window.

    References
    ----------
    DICOM PS3.3 C.7.6.3.1.2
    """
    if photometric == "MONOCHROME1":
        return np.asarray(samples.max(), samples.dtype)
    if photometric == "PALETTE COLOR":
        return np.asarray(_darkest_index(samples, ds), samples.dtype)
    if photometric == "YBR_FULL":
        middle = 1 << (int(ds.BitsStored) - 1)
        return np.asarray([0, middle, middle], samples.dtype)
    if samples.ndim == 3:
        return np.zeros(samples.shape[-1], samples.dtype)
    return np.asarray(samples.min(), samples.dtype)


def _darkest_index(samples: npt.NDArray[np.generic], ds: Dataset) -> int:
    picture = render_frame(ds, 0).astype(np.uint16).sum(axis=-1)
    first = decode_frame(ds, 0)
    at = np.unravel_index(int(picture.argmin()), picture.shape)
    return int(first[at])

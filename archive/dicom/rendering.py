"""Frames as pictures for people: what a browser or a model sees."""

import io
from functools import lru_cache

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset

from archive.dicom.image_pixel import describe_pixels
from archive.dicom.lookup_tables import apply_palette
from archive.dicom.pixels import decode_frame
from archive.dicom.windowing import (
    Window,
    apply_modality,
    apply_rescale,
    apply_voi,
    apply_window,
    is_inverted,
    rescale_of,
    stored_window,
)
from archive.errors import InvalidRequestError, LimitExceededError, PixelDecodingError

Picture = npt.NDArray[np.uint8]
MAX_SIDE = 8192
_AVERAGE_FILTER = 0x40
# From so many pixels on a table of all sample values is cheaper than the pixels one by one.
_TABLE_PIXELS = 1 << 15
_FORMATS = {"jpeg": "JPEG", "png": "PNG", "gif": "GIF"}


def render_frame(
    ds: Dataset,
    frame_index: int = 0,
    *,
    window: Window | None = None,
    size: tuple[int, int] | None = None,
) -> Picture:
    """Render one frame as it is meant to be seen.

    Parameters
    ----------
    ds : data set with pixel data and ``file_meta``
    frame_index : from 0
    window : used instead of what the instance states; no effect on colour images
    size : (columns, rows) of a box that the picture is scaled to fit, keeping its proportions

    Returns
    -------
    (rows, columns) or (rows, columns, 3) uint8, 0 = darkest

    Raises
    ------
    PixelDecodingError
        The frame can't be decoded or coloured.
    LimitExceededError
        The box is larger than `MAX_SIDE`.

    References
    ----------
    DICOM PS3.4 N.2, PS3.3 C.11.1, C.11.2, C.7.6.3.1.2
    """
    try:
        picture = _display_values(ds, frame_index, window)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError) as error:
        raise PixelDecodingError("The image can't be rendered.") from error
    return picture if size is None else _fit(picture, size)


def encode_image(
    picture: Picture,
    format: str = "jpeg",  # noqa: A002 the word that DICOMweb and Pillow use
    quality: int = 85,
) -> bytes:
    """Encode a picture for the web.

    Parameters
    ----------
    picture : (rows, columns) or (rows, columns, 3) uint8
    format : ``jpeg``, ``png`` or ``gif``
    quality : 1 to 100, for JPEG

    Returns
    -------
    The bytes of the image file

    Raises
    ------
    InvalidRequestError
        The format is not one of the three.
    """
    name = _FORMATS.get(format.lower())
    if name is None:
        raise InvalidRequestError(f"Images are encoded as {', '.join(_FORMATS)}.")
    buffer = io.BytesIO()
    picture = np.ascontiguousarray(picture)
    if name == "PNG":
        # One filter for all rows: choosing among five for each row takes twice the time.
        return bytes(imagecodecs.png_encode(picture, level=1, filter=_AVERAGE_FILTER))
    image = Image.fromarray(picture)
    if name == "JPEG":
        image.save(buffer, name, quality=min(max(quality, 1), 100))
    else:
        image.save(buffer, name)
    return buffer.getvalue()


def _display_values(ds: Dataset, frame_index: int, window: Window | None) -> Picture:
    pixel = describe_pixels(ds)
    frame = decode_frame(ds, frame_index)
    if frame.ndim == 3:
        return _eight_bits(frame, pixel.bits_stored)
    if pixel.photometric == "PALETTE COLOR":
        return apply_palette(frame, ds, is_little=pixel.is_little)
    table = _table_of(frame, ds, frame_index, window)
    if table is not None:
        # All of its values lie in the table, which spares a check for each.
        return table.take(frame.view(f"u{frame.dtype.itemsize}"), mode="wrap")
    values = apply_modality(frame, ds, frame_index)
    shown = apply_voi(values, ds, window=window, frame_index=frame_index)
    return 255 - shown if is_inverted(ds) else shown


def _table_of(
    frame: npt.NDArray[np.generic], ds: Dataset, frame_index: int, window: Window | None
) -> Picture | None:
    """Return what each sample value is shown as, where that follows from slope and window."""
    is_small = frame.dtype.itemsize == 2 and frame.size < _TABLE_PIXELS
    if frame.dtype.kind not in "ui" or frame.dtype.itemsize > 2 or is_small:
        return None
    if "ModalityLUTSequence" in ds or (window is None and "VOILUTSequence" in ds):
        return None
    chosen = window or stored_window(ds, frame_index)
    if chosen is None:
        return None
    slope, intercept = rescale_of(ds, frame_index)
    return _window_table(frame.dtype.str, slope, intercept, chosen, is_inverted(ds))


@lru_cache(maxsize=64)
def _window_table(
    dtype: str,
    slope: float,
    intercept: float,
    window: Window,
    is_inverted: bool,  # noqa: FBT001 the key of a cache
) -> Picture:
    kind = np.dtype(dtype)
    codes = np.arange(1 << (8 * kind.itemsize), dtype=f"u{kind.itemsize}").view(kind)
    shown = apply_window(apply_rescale(codes, slope, intercept), window)
    table = 255 - shown if is_inverted else shown
    table.flags.writeable = False
    return table


def _eight_bits(colours: npt.NDArray[np.generic], bits_stored: int) -> Picture:
    """Scale colour samples of more or fewer than 8 bits to 8, and leave out a fourth channel."""
    colours = colours[..., :3]
    if bits_stored == 8:
        return colours.astype(np.uint8)
    scaled = colours.astype(np.float32) * np.float32(255 / ((1 << bits_stored) - 1))
    picture: Picture = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return picture


def _fit(picture: Picture, size: tuple[int, int]) -> Picture:
    width, height = size
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise LimitExceededError(f"A picture has between 1 and {MAX_SIDE} pixels a side.")
    rows, columns = picture.shape[:2]
    scale = min(width / columns, height / rows)
    target = (max(round(columns * scale), 1), max(round(rows * scale), 1))
    if target == (columns, rows):
        return picture
    method = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize(target, method))

"""Where the bytes of one frame lie in the pixel data."""

import struct
from typing import Any

from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from archive.dicom.image_pixel import ImagePixel, describe_pixels
from archive.dicom.transfer_syntaxes import is_encapsulated
from archive.errors import PixelDecodingError

_EXTENDED_OFFSETS, _EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002


def frame_bytes(ds: Dataset, frame_index: int) -> bytes:
    """Return the stored bytes of one frame, still compressed where the instance is.

    Parameters
    ----------
    ds : data set with pixel data and ``file_meta``
    frame_index : from 0

    Returns
    -------
    The fragments of the frame joined, or its part of native pixel data; a frame of single bits
    that does not start on a byte is shifted to start on one.

    Raises
    ------
    PixelDecodingError
        There is no such frame (``no-such-frame``) or its bytes are missing.

    References
    ----------
    DICOM PS3.5 sections 8 and A.4
    """
    pixel = describe_pixels(ds)
    check_frame_index(pixel, frame_index)
    if is_encapsulated(pixel.transfer_syntax_uid):
        return encapsulated_frame(ds, pixel, frame_index)
    return native_frame(ds, pixel, frame_index)


def check_frame_index(pixel: ImagePixel, frame_index: int) -> None:
    """Refuse a frame that the instance does not have."""
    if not 0 <= frame_index < pixel.frames:
        raise PixelDecodingError(
            f"The instance has {pixel.frames} frames, not a frame {frame_index + 1}.",
            code="no-such-frame",
        )


def native_frame(ds: Dataset, pixel: ImagePixel, frame_index: int) -> bytes:
    """Return one frame of native pixel data."""
    value = pixel_value(ds, pixel.tag)
    bits = pixel.native_frame_bits
    first_bit = frame_index * bits
    end = (first_bit + bits + 7) // 8
    if pixel.bits_allocated == 8 and not pixel.is_little and ds.get_item(pixel.tag).VR == "OW":
        value = _swapped_bytes(value)
    part = value[first_bit // 8 : end]
    if len(part) * 8 < bits:
        raise PixelDecodingError("The pixel data is shorter than its header announces.")
    if first_bit % 8 == 0:
        return bytes(part)
    shifted = int.from_bytes(part, "little") >> (first_bit % 8)
    return (shifted & ((1 << bits) - 1)).to_bytes((bits + 7) // 8, "little")


def encapsulated_frame(ds: Dataset, pixel: ImagePixel, frame_index: int) -> bytes:
    """Return the compressed bytes of one frame, by offset table or by its fragments."""
    value = pixel_value(ds, pixel.tag)
    extended: Any = None
    if _EXTENDED_OFFSETS in ds and _EXTENDED_LENGTHS in ds:
        extended = (
            pixel_value(ds, _EXTENDED_OFFSETS),
            pixel_value(ds, _EXTENDED_LENGTHS),
        )
    for offsets in (extended, None):
        try:
            frame = get_frame(
                value, frame_index, number_of_frames=pixel.frames, extended_offsets=offsets
            )
        except (ValueError, IndexError, OSError, struct.error, StopIteration, EOFError):
            continue
        if frame:
            return frame
    raise PixelDecodingError("The compressed frame can't be found in the pixel data.")


def _swapped_bytes(value: bytes) -> bytes:
    """Undo the swapping of byte pairs in 8-bit samples written as big endian words (PS3.5 8.1)."""
    swapped = bytearray(value[: len(value) // 2 * 2])
    swapped[0::2], swapped[1::2] = swapped[1::2], swapped[0::2]
    return bytes(swapped)


def pixel_value(ds: Dataset, tag: int) -> bytes:
    """Return the bytes of an element without pydicom's conversions."""
    value = ds.get_item(tag).value
    if not isinstance(value, bytes | bytearray):
        raise PixelDecodingError("The pixel data can't be read.")
    return bytes(value)

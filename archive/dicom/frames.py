"""Where the bytes of one frame lie in the pixel data."""

import struct

from pydicom.dataset import Dataset

from archive.dicom.image_pixel import ImagePixel, describe_pixels
from archive.dicom.transfer_syntaxes import is_encapsulated
from archive.errors import PixelDecodingError

PixelBytes = bytes | memoryview
Fragment = tuple[int, int]
PIXEL_DATA = 0x7FE00010
_EXTENDED_OFFSETS = 0x7FE00001
_ITEM_HEADER = struct.Struct("<4sL")
_ITEM_TAG = b"\xfe\xff\x00\xe0"
# JPEG and JPEG-LS, JPEG 2000 code stream, JP2 file.
_IMAGE_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0c")


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
    first = first_bit // 8
    if pixel.bits_allocated == 8 and not pixel.is_little and ds.get_item(pixel.tag).VR == "OW":
        even = first - first % 2
        part = _swapped_bytes(bytes(value[even : end + end % 2]))[first - even : end - even]
    else:
        part = bytes(value[first:end])
    if len(part) * 8 < bits:
        raise PixelDecodingError("The pixel data is shorter than its header announces.")
    if first_bit % 8 == 0:
        return part
    shifted = int.from_bytes(part, "little") >> (first_bit % 8)
    return (shifted & ((1 << bits) - 1)).to_bytes((bits + 7) // 8, "little")


def encapsulated_frame(ds: Dataset, pixel: ImagePixel, frame_index: int) -> bytes:
    """Return the compressed bytes of one frame, by offset table or by its fragments."""
    value = pixel_value(ds, pixel.tag)
    table, fragments = _fragments(value)
    chosen = (
        _by_extended_offsets(ds, fragments, frame_index)
        or _by_offsets(table, fragments, pixel.frames, frame_index)
        or _by_order(value, fragments, pixel.frames, frame_index)
    )
    if not chosen:
        raise PixelDecodingError("The compressed frame can't be found in the pixel data.")
    return b"".join(bytes(value[start:stop]) for start, stop in chosen)


def stream_fragments(ds: Dataset) -> list[Fragment]:
    """Return where the fragments of a video lie in the value of its pixel data.

    Parameters
    ----------
    ds : data set of a video, whose frames can't be told apart

    Returns
    -------
    Begin and end of each; joined in order they are the video's stream.

    Raises
    ------
    PixelDecodingError
        There are none.

    References
    ----------
    DICOM PS3.5 section 8.2.5 and following
    """
    _, fragments = _fragments(pixel_value(ds, PIXEL_DATA))
    if not fragments:
        raise PixelDecodingError("The video can't be found in the pixel data.")
    return fragments


def _fragments(value: PixelBytes) -> tuple[bytes, list[Fragment]]:
    """Return the basic offset table and where each fragment's bytes lie."""
    items: list[Fragment] = []
    position, end = 0, len(value)
    while end - position >= 8:
        tag, length = _ITEM_HEADER.unpack_from(value, position)
        if tag != _ITEM_TAG or length > end - position - 8:
            break
        items.append((position + 8, position + 8 + length))
        position += 8 + length
    if not items:
        return b"", []
    (start, stop), *fragments = items
    return bytes(value[start:stop]), fragments


def _by_extended_offsets(
    ds: Dataset, fragments: list[Fragment], frame_index: int
) -> list[Fragment]:
    """Find a frame by Extended Offset Table, which gives every frame one fragment."""
    if _EXTENDED_OFFSETS not in ds or not fragments:
        return []
    offsets = bytes(pixel_value(ds, _EXTENDED_OFFSETS))
    if len(offsets) < 8 * (frame_index + 1):
        return []
    (offset,) = struct.unpack_from("<Q", offsets, 8 * frame_index)
    return [found for found in fragments if found[0] - fragments[0][0] == offset]


def _by_offsets(
    table: bytes, fragments: list[Fragment], frames: int, frame_index: int
) -> list[Fragment]:
    """Find a frame by Basic Offset Table; a table that does not fit the fragments is ignored."""
    if not fragments or len(table) != 4 * frames:
        return []
    first = fragments[0][0]
    starts = struct.unpack(f"<{frames}L", table)
    behind = fragments[-1][1]
    stop = starts[frame_index + 1] if frame_index + 1 < frames else behind - first + 8
    start = starts[frame_index]
    found = [fragment for fragment in fragments if start <= fragment[0] - first < stop]
    return found if found and found[0][0] - first == start else []


def _by_order(
    value: PixelBytes, fragments: list[Fragment], frames: int, frame_index: int
) -> list[Fragment]:
    """Find a frame where no table helps: one fragment each, or by where images begin."""
    if frames == 1:
        return fragments
    if len(fragments) == frames:
        return [fragments[frame_index]]
    begins = [
        number
        for number, (start, _) in enumerate(fragments)
        if bytes(value[start : start + 4]).startswith(_IMAGE_STARTS)
    ]
    if len(begins) != frames:
        return []
    return fragments[begins[frame_index] : [*begins, len(fragments)][frame_index + 1]]


def _swapped_bytes(value: bytes) -> bytes:
    """Undo the swapping of byte pairs in 8-bit samples written as big endian words (PS3.5 8.1)."""
    swapped = bytearray(value)
    swapped[0::2], swapped[1::2] = swapped[1::2], swapped[0::2]
    return bytes(swapped)


def pixel_value(ds: Dataset, tag: int) -> PixelBytes:
    """Return the bytes of an element without pydicom's conversions, or the view of a mapped one."""
    value = ds.get_item(tag).value
    if isinstance(value, memoryview):
        return value
    if not isinstance(value, bytes | bytearray):
        raise PixelDecodingError("The pixel data can't be read.")
    return bytes(value)

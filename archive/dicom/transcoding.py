"""Data sets in Explicit VR Little Endian, whatever they were stored in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset

from archive.dicom.frames import native_frame
from archive.dicom.image_pixel import describe_pixels
from archive.dicom.pixels import decode_frame
from archive.dicom.transfer_syntaxes import (
    EXPLICIT_LITTLE,
    GE_PRIVATE_BIG_PIXELS,
    is_encapsulated,
)
from archive.dicom.writing import write_part10
from archive.errors import LimitExceededError, PixelDecodingError

if TYPE_CHECKING:
    import numpy.typing as npt

# Decoded pixel data is held in memory once before it is written.
MAX_DECODED_BYTES = 2 * 1024**3 - 2
_PIXEL_DATA = 0x7FE00010
# Bytes of one value in the VRs that pydicom leaves in the byte order of the file.
_WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
_COMPRESSED_ONLY = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")


def as_explicit_little_endian(ds: Dataset) -> bytes:
    """Write a data set as a Part 10 file in Explicit VR Little Endian.

    Parameters
    ----------
    ds
        as `archive.dicom.reading.read_dataset` gives it; changed by this call

    Raises
    ------
    PixelDecodingError
        Compressed pixel data can't be decoded, or an element can't be written in this encoding.
    """
    syntax = str(ds.file_meta.get("TransferSyntaxUID", "") or EXPLICIT_LITTLE)
    if is_encapsulated(syntax) and "PixelData" in ds:
        _decompress(ds)
    elif ds.original_encoding[1] is False:
        swap_words(ds)
    elif syntax == GE_PRIVATE_BIG_PIXELS and "PixelData" in ds:
        _swap_pixels(ds)
    _set_file_meta(ds)
    try:
        return write_part10(ds)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        message = "The instance can't be written in Explicit Little Endian."
        raise PixelDecodingError(message, code="not-transcodable") from error


def little_endian_frame(ds: Dataset, frame_index: int) -> bytes:
    """Return one frame as native little endian samples.

    Parameters
    ----------
    ds
        with pixel data and ``file_meta``
    frame_index
        from 0

    Returns
    -------
    the stored bytes of native pixel data in little endian, or decoded samples, colours by pixel

    Raises
    ------
    PixelDecodingError
        The frame can't be decoded.
    """
    pixel = describe_pixels(ds)
    if is_encapsulated(pixel.transfer_syntax_uid) and not pixel.is_float:
        return _little_bytes(decode_frame(ds, frame_index))
    data = native_frame(ds, pixel, frame_index)
    word = pixel.bits_allocated // 8
    if pixel.is_little or word < 2:
        return data
    return np.frombuffer(data, f">u{word}").astype(f"<u{word}").tobytes()


def _little_bytes(samples: npt.NDArray[np.generic]) -> bytes:
    return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()


def _decompress(ds: Dataset) -> None:
    pixel = describe_pixels(ds)
    frames = []
    total = 0
    first = None
    for index in range(pixel.frames):
        samples = decode_frame(ds, index)
        first = samples if first is None else first
        data = _little_bytes(samples)
        total += len(data)
        if total > MAX_DECODED_BYTES:
            raise LimitExceededError("The decoded pixel data is too large; ask for single frames.")
        frames.append(data)
    if first is None:
        raise PixelDecodingError("The pixel data has no frames.")
    for keyword in _COMPRESSED_ONLY:
        if keyword in ds:
            delattr(ds, keyword)
    joined = b"".join(frames)
    ds.PixelData = joined + b"\0" * (len(joined) % 2)
    ds["PixelData"].VR = "OW" if first.dtype.itemsize > 1 else "OB"
    ds["PixelData"].is_undefined_length = False
    _describe(ds, first)


def _describe(ds: Dataset, samples: npt.NDArray[np.generic]) -> None:
    """Make the Image Pixel module say what the decoded samples are."""
    bits = 8 * samples.dtype.itemsize
    if ds.get("BitsAllocated") != bits:
        ds.BitsAllocated = bits
    if samples.ndim == 3:
        ds.PhotometricInterpretation = "RGB"
        ds.PlanarConfiguration = 0


def _set_file_meta(ds: Dataset) -> None:
    old = ds.file_meta
    meta = FileMetaDataset()
    for keyword in ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID"):
        value = old.get(keyword) or ds.get(keyword.removeprefix("MediaStorage"))
        setattr(meta, keyword, str(value))
    for keyword in ("ImplementationVersionName", "SourceApplicationEntityTitle"):
        if old.get(keyword):
            setattr(meta, keyword, old[keyword].value)
    meta.TransferSyntaxUID = EXPLICIT_LITTLE  # type: ignore[assignment]
    ds.file_meta = meta
    ds.preamble = bytes(128)


def swap_words(ds: Dataset) -> None:
    """Turn every binary value of a big endian data set, nested ones too.

    Parameters
    ----------
    ds
        read from big endian bytes; changed by this call
    """
    bits = int(ds.get("BitsAllocated") or 16)
    for element in ds.iterall():
        word = _WORD_BYTES.get(element.VR)
        if word is None or not isinstance(element.value, bytes):
            continue
        if element.tag == _PIXEL_DATA and element.VR == "OW" and bits > 16:
            word = bits // 8
        length = len(element.value) // word * word
        words = np.frombuffer(element.value[:length], f">u{word}")
        element.value = words.astype(f"<u{word}").tobytes() + element.value[length:]


def _swap_pixels(ds: Dataset) -> None:
    bits = int(ds.get("BitsAllocated") or 8)
    if bits == 16:
        value = ds["PixelData"].value
        ds["PixelData"].value = np.frombuffer(value, ">u2").astype("<u2").tobytes()

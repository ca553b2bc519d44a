"""Data sets in another transfer syntax than they were stored in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from archive.dicom.encoding import FrameShape, encodable_syntaxes, encode_frame
from archive.dicom.frames import native_frame
from archive.dicom.image_pixel import describe_pixels
from archive.dicom.pixels import stored_samples
from archive.dicom.transfer_syntaxes import (
    EXPLICIT_LITTLE,
    GE_PRIVATE_BIG_PIXELS,
    IMPLICIT_LITTLE,
    is_encapsulated,
)
from archive.dicom.writing import write_part10
from archive.errors import LimitExceededError, PixelDecodingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from archive.dicom.image_pixel import ImagePixel

    Draw = Callable[[int, npt.NDArray[np.generic], str], npt.NDArray[np.generic]]

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
    return as_transfer_syntax(ds, EXPLICIT_LITTLE)


def as_transfer_syntax(ds: Dataset, transfer_syntax_uid: str) -> bytes:
    """Write a data set as a Part 10 file in a transfer syntax; no sample of its images changes.

    Parameters
    ----------
    ds
        as `archive.dicom.reading.read_dataset` gives it; changed by this call
    transfer_syntax_uid
        Implicit or Explicit VR Little Endian, or one of `encodable_syntaxes`; the data set's own
        one leaves the pixel data as it is

    Raises
    ------
    PixelDecodingError
        Pixel data can't be decoded or encoded, or an element can't be written in this encoding.
    LimitExceededError
        The pixel data would take more than `MAX_DECODED_BYTES`.

    References
    ----------
    DICOM PS3.5 sections 8.2 and A.4
    """
    stored = str(ds.file_meta.get("TransferSyntaxUID", "") or EXPLICIT_LITTLE)
    if "PixelData" in ds and transfer_syntax_uid in encodable_syntaxes():
        if stored != transfer_syntax_uid:
            _compress(ds, transfer_syntax_uid)
    elif transfer_syntax_uid in {EXPLICIT_LITTLE, IMPLICIT_LITTLE} or "PixelData" not in ds:
        _make_native(ds, stored)
    elif stored != transfer_syntax_uid:
        message = f"There is no encoder for transfer syntax {transfer_syntax_uid}."
        raise PixelDecodingError(message, code="not-encodable")
    _set_file_meta(ds, transfer_syntax_uid)
    try:
        return write_part10(ds)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        message = "The instance can't be written in this transfer syntax."
        raise PixelDecodingError(message, code="not-transcodable") from error


def _make_native(ds: Dataset, stored: str) -> None:
    if is_encapsulated(stored) and "PixelData" in ds:
        _decompress(ds)
    elif ds.original_encoding[1] is False:
        swap_words(ds)
    elif stored == GE_PRIVATE_BIG_PIXELS and "PixelData" in ds:
        _swap_pixels(ds)


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
    the stored bytes of native pixel data in little endian, or decoded samples, colours by pixel;
    single bits eight to a byte

    Raises
    ------
    PixelDecodingError
        The frame can't be decoded.
    """
    pixel = describe_pixels(ds)
    if is_encapsulated(pixel.transfer_syntax_uid) and not pixel.is_float:
        return _little_bytes(stored_samples(ds, frame_index)[0], pixel)
    data = native_frame(ds, pixel, frame_index)
    word = pixel.bits_allocated // 8
    if pixel.is_little or word < 2:
        return data
    return np.frombuffer(data, f">u{word}").astype(f"<u{word}").tobytes()


def compressed_frame(ds: Dataset, frame_index: int, transfer_syntax_uid: str) -> bytes:
    """Return one frame compressed without loss.

    Parameters
    ----------
    ds
        with pixel data and ``file_meta``
    frame_index
        from 0
    transfer_syntax_uid
        one of `encodable_syntaxes`

    Raises
    ------
    PixelDecodingError
        The frame can't be decoded or compressed.
    """
    samples, photometric = stored_samples(ds, frame_index)
    shape = FrameShape(describe_pixels(ds).bits_stored, photometric)
    return encode_frame(samples, shape, transfer_syntax_uid).content


def _little_bytes(samples: npt.NDArray[np.generic], pixel: ImagePixel) -> bytes:
    if pixel.bits_allocated == 1:
        return np.packbits(samples.ravel().astype(np.uint8), bitorder="little").tobytes()
    return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()


def redraw(ds: Dataset, draw: Draw) -> None:
    """Change the samples of every frame; the data set is Explicit VR Little Endian afterwards.

    Parameters
    ----------
    ds
        with ``PixelData`` and ``file_meta``, in any encoding; changed by this call
    draw
        gets the number of a frame from 0, its samples as `archive.dicom.pixels.stored_samples`
        gives them, and what they mean (photometric interpretation); gives samples of the same
        shape and type

    Raises
    ------
    PixelDecodingError
        The pixels can't be decoded.
    LimitExceededError
        They would take more than `MAX_DECODED_BYTES`.
    """
    _decompress(ds, draw)
    _set_file_meta(ds, EXPLICIT_LITTLE)
    ds.set_original_encoding(is_implicit_vr=False, is_little_endian=True)


def _decompress(ds: Dataset, draw: Draw | None = None) -> None:
    pixel = describe_pixels(ds)
    if pixel.native_frame_bits * pixel.frames // 8 > 2 * MAX_DECODED_BYTES:
        raise _too_large()
    frames, total, itemsize, photometric = [], 0, 1, pixel.photometric
    for index, (stored, decoded_as) in enumerate(_all_samples(ds, pixel)):
        samples = stored if draw is None else draw(index, stored, decoded_as)
        itemsize, photometric = samples.dtype.itemsize, decoded_as
        if pixel.bits_allocated == 1:
            frames.append(samples.ravel().astype(np.uint8).tobytes())
        else:
            frames.append(_little_bytes(samples, pixel))
        total += len(frames[-1])
        if total > MAX_DECODED_BYTES:
            raise _too_large()
    joined = b"".join(frames)
    if pixel.bits_allocated == 1:
        # Frames of single bits follow each other without a gap (PS3.5 8.1.1).
        joined = np.packbits(np.frombuffer(joined, np.uint8), bitorder="little").tobytes()
    if ds.original_encoding[1] is False:
        swap_words(ds)
    _leave_out_offsets(ds)
    ds.PixelData = joined + b"\0" * (len(joined) % 2)
    ds["PixelData"].VR = "OW" if itemsize > 1 else "OB"
    ds["PixelData"].is_undefined_length = False
    _describe(ds, pixel, itemsize, photometric)


def _compress(ds: Dataset, transfer_syntax_uid: str) -> None:
    pixel = describe_pixels(ds)
    if pixel.bits_allocated == 1:
        raise PixelDecodingError("Single bits are not compressed here.", code="not-encodable")
    frames, total, itemsize, photometric = [], 0, 1, pixel.photometric
    for samples, decoded_as in _all_samples(ds, pixel):
        shape = FrameShape(pixel.bits_stored, decoded_as)
        encoded = encode_frame(samples, shape, transfer_syntax_uid)
        itemsize, photometric = samples.dtype.itemsize, encoded.photometric
        frames.append(encoded.content)
        total += len(encoded.content) + 8
        if total > MAX_DECODED_BYTES:
            raise _too_large()
    if ds.original_encoding[1] is False:
        # Whatever else of the data set has words of another byte order.
        swap_words(ds)
    _leave_out_offsets(ds)
    ds.PixelData = encapsulate(frames, has_bot=True)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    _describe(ds, pixel, itemsize, photometric)


def _all_samples(ds: Dataset, pixel: ImagePixel) -> Iterator[tuple[npt.NDArray[np.generic], str]]:
    for index in range(pixel.frames):
        yield stored_samples(ds, index)


def _too_large() -> LimitExceededError:
    return LimitExceededError("The decoded pixel data is too large; ask for single frames.")


def _leave_out_offsets(ds: Dataset) -> None:
    for keyword in _COMPRESSED_ONLY:
        if keyword in ds:
            delattr(ds, keyword)


def _describe(ds: Dataset, pixel: ImagePixel, itemsize: int, photometric: str) -> None:
    """Make the Image Pixel module say what the samples are now."""
    wanted: dict[str, int | str] = {"PhotometricInterpretation": photometric}
    stored = min(pixel.bits_stored, 8 * itemsize)
    if pixel.bits_allocated != 1:
        wanted["BitsAllocated"] = 8 * itemsize
        # Decoding moved the stored bits to the lowest places.
        wanted |= {"BitsStored": stored, "HighBit": stored - 1}
    if pixel.samples > 1:
        wanted["PlanarConfiguration"] = 0
    for keyword, value in wanted.items():
        if ds.get(keyword) != value:
            setattr(ds, keyword, value)


def _set_file_meta(ds: Dataset, transfer_syntax_uid: str) -> None:
    old = ds.file_meta
    meta = FileMetaDataset()
    for keyword in ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID"):
        value = old.get(keyword) or ds.get(keyword.removeprefix("MediaStorage"))
        setattr(meta, keyword, str(value))
    for keyword in ("ImplementationVersionName", "SourceApplicationEntityTitle"):
        if old.get(keyword):
            setattr(meta, keyword, old[keyword].value)
    meta.TransferSyntaxUID = transfer_syntax_uid  # type: ignore[assignment]
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

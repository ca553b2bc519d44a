"""From stored bytes of one frame to an array of samples."""

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from archive.dicom.colours import upsample_422, ybr_to_rgb
from archive.dicom.frames import check_frame_index, encapsulated_frame, native_frame
from archive.dicom.image_pixel import ImagePixel, describe_pixels
from archive.dicom.limited_decoding import decode_limited
from archive.dicom.transfer_syntaxes import is_encapsulated
from archive.errors import PixelDecodingError

Samples = npt.NDArray[np.generic]


def decode_frame(ds: Dataset, frame_index: int = 0) -> Samples:
    """Decode one frame.

    Parameters
    ----------
    ds : data set with pixel data and ``file_meta``, as `read_dataset` gives it
    frame_index : from 0

    Returns
    -------
    (rows, columns) stored values (palette indices for PALETTE COLOR), no lookup table applied,
    unused bits cleared and signed values signed; or (rows, columns, 3) unsigned RGB, whatever
    colour space was stored. Samples keep their range: BitsStored bits, or float.

    Raises
    ------
    PixelDecodingError
        No pixel data, no such frame, or no decoder manages it.

    References
    ----------
    DICOM PS3.5 section 8, PS3.3 C.7.6.3
    """
    pixel = describe_pixels(ds)
    samples, photometric = _decode(ds, pixel, frame_index)
    if pixel.samples == 3 and photometric.startswith("YBR"):
        return ybr_to_rgb(samples, photometric, pixel.bits_stored)
    return samples


def stored_samples(ds: Dataset, frame_index: int = 0) -> tuple[Samples, str]:
    """Decode one frame and leave its colours as they were stored, where that loses nothing.

    Parameters
    ----------
    ds : as for `decode_frame`
    frame_index : from 0

    Returns
    -------
    samples as `decode_frame` gives them, and what they mean now: the stored photometric
    interpretation, ``YBR_FULL`` where chroma was spread over its pixels, ``RGB`` where the
    decoder turned colours on its way

    Raises
    ------
    PixelDecodingError
        As for `decode_frame`.

    References
    ----------
    DICOM PS3.3 C.7.6.3.1.2
    """
    pixel = describe_pixels(ds)
    samples, photometric = _decode(ds, pixel, frame_index)
    if photometric == "YBR_FULL_422":
        photometric = "YBR_FULL"
    if pixel.samples == 3 and photometric.startswith("YBR") and photometric != "YBR_FULL":
        return ybr_to_rgb(samples, photometric, pixel.bits_stored), "RGB"
    return samples, photometric


def _decode(ds: Dataset, pixel: ImagePixel, frame_index: int) -> tuple[Samples, str]:
    check_frame_index(pixel, frame_index)
    try:
        is_rgb = False
        if is_encapsulated(pixel.transfer_syntax_uid) and not pixel.is_float:
            samples, is_rgb = decode_limited(encapsulated_frame(ds, pixel, frame_index), pixel)
        else:
            samples = _native_samples(native_frame(ds, pixel, frame_index), pixel)
        return _stored_bits(samples, pixel), "RGB" if is_rgb else pixel.photometric
    except PixelDecodingError:
        raise
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        raise PixelDecodingError("The pixel data can't be decoded.") from error


def _native_samples(data: bytes, pixel: ImagePixel) -> Samples:
    count = pixel.rows * pixel.columns * pixel.samples
    if pixel.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:count]
        return _shaped(bits, pixel)
    order = "<" if pixel.is_little else ">"
    kind = "f" if pixel.is_float else "u"
    if pixel.bits_allocated not in {8, 16, 32, 64}:
        raise PixelDecodingError(f"{pixel.bits_allocated} bits allocated are not supported.")
    samples = np.frombuffer(data, f"{order}{kind}{pixel.bits_allocated // 8}")
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    if pixel.samples == 3 and pixel.photometric in {"YBR_FULL_422", "YBR_PARTIAL_422"}:
        return upsample_422(samples, pixel.rows, pixel.columns)
    return _shaped(samples, pixel)


def _shaped(samples: Samples, pixel: ImagePixel) -> Samples:
    if pixel.samples == 1:
        return samples.reshape(pixel.rows, pixel.columns)
    if pixel.is_planar:
        planes = samples.reshape(pixel.samples, pixel.rows, pixel.columns)
        return np.ascontiguousarray(np.moveaxis(planes, 0, -1))
    return samples.reshape(pixel.rows, pixel.columns, pixel.samples)


def _stored_bits(samples: Samples, pixel: ImagePixel) -> Samples:
    """Clear what lies outside the stored bits and extend the sign (PS3.5 8.1.1)."""
    if pixel.is_float:
        return samples
    bits = 8 * samples.dtype.itemsize
    kind = "i" if pixel.is_signed and pixel.samples == 1 else "u"
    viewed = np.ascontiguousarray(samples).view(f"{kind}{samples.dtype.itemsize}")
    below = pixel.high_bit + 1 - pixel.bits_stored
    above = bits - pixel.bits_stored - below
    if pixel.bits_allocated == 1 or above < 0 or (above == 0 and below == 0):
        return viewed
    return (viewed << above) >> (above + below)

"""Encoders of frames: lossless only, since an archive does not spend what it was given."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from archive.dicom.transfer_syntaxes import (
    HTJ2K_LOSSLESS,
    JPEG_2000_LOSSLESS,
    JPEG_LS_LOSSLESS,
    RLE,
)
from archive.errors import PixelDecodingError

Samples = npt.NDArray[np.generic]
_SRGB = 1
# Below this OpenJPEG refuses the six resolutions that its Python binding always asks for.
_SMALLEST_SIDE = 64


@dataclass(frozen=True, slots=True)
class FrameShape:
    """What an encoder must know beside the samples."""

    bits_stored: int
    photometric: str


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A compressed frame and the photometric interpretation that it has now."""

    content: bytes
    photometric: str


@functools.cache
def encodable_syntaxes() -> tuple[str, ...]:
    """Transfer syntaxes that pixels can be compressed to here, the best supported first."""
    found = [JPEG_2000_LOSSLESS, JPEG_LS_LOSSLESS, RLE]
    if find_spec("imagecodecs") is not None:
        found.append(HTJ2K_LOSSLESS)
    return tuple(found)


def can_encode(
    transfer_syntax_uid: str, *, bits_allocated: int | None, samples_per_pixel: int | None
) -> bool:
    """Whether pixels of this shape can be compressed to the transfer syntax without loss.

    Parameters
    ----------
    transfer_syntax_uid : the one to make
    bits_allocated, samples_per_pixel : of the image; None where not known

    References
    ----------
    DICOM PS3.5 section 8.2
    """
    return (
        transfer_syntax_uid in encodable_syntaxes()
        and bits_allocated in {8, 16}
        and (samples_per_pixel or 1) in {1, 3}
    )


def encode_frame(samples: Samples, shape: FrameShape, transfer_syntax_uid: str) -> EncodedFrame:
    """Compress one frame without loss.

    Parameters
    ----------
    samples : (rows, columns) or (rows, columns, 3) of 8 or 16 bits, unused bits clear
    shape : how many of the bits are used, and what the samples mean
    transfer_syntax_uid : one of `encodable_syntaxes`

    Raises
    ------
    PixelDecodingError
        ``not-encodable``: the encoder does not manage these samples.
    """
    encoder = _ENCODERS.get(transfer_syntax_uid)
    if encoder is None or samples.dtype.kind not in "ui" or samples.dtype.itemsize > 2:
        raise PixelDecodingError(
            f"There is no encoder for transfer syntax {transfer_syntax_uid}.", code="not-encodable"
        )
    try:
        return encoder(np.ascontiguousarray(samples), shape)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        # Codecs raise what they like, Rust ones a PanicException outside Exception.
        raise PixelDecodingError(
            "The frame can't be compressed to this transfer syntax.", code="not-encodable"
        ) from error


def _encode_rle(samples: Samples, shape: FrameShape) -> EncodedFrame:
    from rle.utils import encode_pixel_data  # noqa: PLC0415 a codec loads when a frame needs it

    content = encode_pixel_data(
        samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes(),
        byteorder="<",
        rows=samples.shape[0],
        columns=samples.shape[1],
        samples_per_pixel=1 if samples.ndim == 2 else samples.shape[2],
        bits_allocated=8 * samples.dtype.itemsize,
    )
    return EncodedFrame(bytes(content), shape.photometric)


def _encode_jpeg_ls(samples: Samples, shape: FrameShape) -> EncodedFrame:
    from jpeg_ls import encode_pixel_data  # noqa: PLC0415 a codec loads when a frame needs it

    # JPEG-LS knows no sign: the bits go as they are, and PixelRepresentation says what they mean.
    size = samples.dtype.itemsize
    mask = (1 << shape.bits_stored) - 1
    unsigned = (samples.view(f"u{size}") & np.array(mask, f"u{size}")).astype(f"<u{size}")
    planes: dict[str, int] = {} if samples.ndim == 2 else {"planar_configuration": 0}
    content = encode_pixel_data(
        unsigned.tobytes(),
        rows=samples.shape[0],
        columns=samples.shape[1],
        samples_per_pixel=1 if samples.ndim == 2 else samples.shape[2],
        bits_stored=shape.bits_stored,
        **planes,
    )
    return EncodedFrame(bytes(content), shape.photometric)


def _encode_jpeg_2000(samples: Samples, shape: FrameShape) -> EncodedFrame:
    from openjpeg.utils import encode_array  # noqa: PLC0415 a codec loads when a frame needs it

    is_rgb = samples.ndim == 3 and shape.photometric == "RGB"
    if min(samples.shape[:2]) < _SMALLEST_SIDE:
        content = _encode_small_jpeg_2000(samples, shape, is_rgb=is_rgb)
        return EncodedFrame(content, "YBR_RCT" if is_rgb else shape.photometric)
    content = encode_array(
        samples,
        bits_stored=shape.bits_stored,
        photometric_interpretation=_SRGB if is_rgb else 0,
        use_mct=is_rgb,
    )
    return EncodedFrame(bytes(content), "YBR_RCT" if is_rgb else shape.photometric)


def _encode_small_jpeg_2000(samples: Samples, shape: FrameShape, *, is_rgb: bool) -> bytes:
    from imagecodecs import jpeg2k_encode  # noqa: PLC0415 a codec loads when a frame needs it

    content = jpeg2k_encode(
        samples,
        reversible=True,
        codecformat="j2k",
        resolutions=1,
        bitspersample=shape.bits_stored,
        mct=is_rgb,
    )
    return bytes(content)


def _encode_htj2k(samples: Samples, shape: FrameShape) -> EncodedFrame:
    from imagecodecs import htj2k_encode  # noqa: PLC0415 a codec loads when a frame needs it

    is_rgb = samples.ndim == 3 and shape.photometric == "RGB"
    content = htj2k_encode(samples, reversible=True, rgb=is_rgb)
    return EncodedFrame(bytes(content), "YBR_RCT" if is_rgb else shape.photometric)


_ENCODERS: dict[str, Callable[[Samples, FrameShape], EncodedFrame]] = {
    RLE: _encode_rle,
    JPEG_LS_LOSSLESS: _encode_jpeg_ls,
    JPEG_2000_LOSSLESS: _encode_jpeg_2000,
    HTJ2K_LOSSLESS: _encode_htj2k,
}

"""Decoders of compressed frames, tried in order.

GDCM is not among them: it ends the process on damaged JPEG images instead of raising an error,
and what it alone could decode (lossless JPEG, odd JPEG-LS) is decoded here without it.
"""

import io
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from archive.dicom.codestreams import (
    JPEG,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    Codestream,
    inspect_codestream,
)
from archive.dicom.image_pixel import ImagePixel
from archive.dicom.jpeg_extended import decode_extended
from archive.dicom.jpeg_lossless import decode_lossless
from archive.errors import PixelDecodingError

Samples = npt.NDArray[np.generic]
_RLE = "1.2.840.10008.1.2.5"
_END_OF_IMAGE = b"\xff\xd9"
_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"


def decode_compressed(frame: bytes, pixel: ImagePixel) -> tuple[Samples, bool]:
    """Decode one compressed frame.

    The bytes decide which decoder is asked, since files name one JPEG process and hold another.
    A frame whose own header contradicts the data set's shape is refused before it is decoded.

    Parameters
    ----------
    frame : the fragments of the frame joined
    pixel : what the data set says

    Returns
    -------
    (rows, columns) or (rows, columns, samples) integers as the decoder gives them, and whether
    colours were turned into RGB on the way.

    Raises
    ------
    PixelDecodingError
        No decoder knows or manages the frame.
    """
    if pixel.transfer_syntax_uid == _RLE:
        return _run("RLE", (_decode_rle, _decode_rle_bits), frame, pixel, None), False
    if pixel.transfer_syntax_uid == _DEFLATED_FRAMES:
        return _run("deflated", (_decode_deflated,), frame, pixel, None), False
    stream = inspect_codestream(frame)
    if stream is None:
        raise PixelDecodingError(
            f"There is no decoder for transfer syntax {pixel.transfer_syntax_uid}."
        )
    shape = (stream.rows, stream.columns, stream.components)
    if shape != (pixel.rows, pixel.columns, pixel.samples):
        raise PixelDecodingError(
            f"The compressed frame is {stream.columns} x {stream.rows} x {stream.components}, "
            f"the header says {pixel.columns} x {pixel.rows} x {pixel.samples}."
        )
    samples = _run(stream.kind, _DECODERS[stream.kind], frame, pixel, stream)
    return samples, _came_as_rgb(stream, pixel)


_Decoder = Callable[[bytes, ImagePixel, Codestream], Samples]


def _run(
    kind: str,
    decoders: tuple[Callable[..., Samples], ...],
    frame: bytes,
    pixel: ImagePixel,
    stream: Codestream | None,
) -> Samples:
    reasons = []
    for decoder in decoders:
        try:
            samples = decoder(frame, pixel, stream)
            return samples.reshape(_shape(pixel))
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 codecs raise what they like, Rust ones a PanicException outside Exception
            reasons.append(f"{decoder.__name__.removeprefix('_decode_')}: {error}")
    raise PixelDecodingError(f"The {kind} frame can't be decoded ({'; '.join(reasons)}).")


def _shape(pixel: ImagePixel) -> tuple[int, ...]:
    shape = (pixel.rows, pixel.columns)
    return shape if pixel.samples == 1 else (*shape, pixel.samples)


def _came_as_rgb(stream: Codestream, pixel: ImagePixel) -> bool:
    if stream.kind == JPEG:
        return stream.components == 3
    if stream.kind == JPEG_2000:
        return stream.has_colour_transform or pixel.photometric in {"YBR_ICT", "YBR_RCT"}
    return False


def _decode_rle(frame: bytes, pixel: ImagePixel, _: None) -> Samples:
    from rle.utils import decode_pixel_data  # noqa: PLC0415 a codec loads when a frame needs it

    data = decode_pixel_data(
        frame,
        version=2,
        rows=pixel.rows,
        columns=pixel.columns,
        samples_per_pixel=pixel.samples,
        bits_allocated=pixel.bits_allocated,
    )
    if pixel.bits_allocated == 1:
        return np.frombuffer(data, np.uint8)
    planes = np.frombuffer(data, f"<u{pixel.bits_allocated // 8}")
    return np.moveaxis(planes.reshape(pixel.samples, pixel.rows, pixel.columns), 0, -1)


def _decode_rle_bits(frame: bytes, pixel: ImagePixel, _: None) -> Samples:
    """Decode single bits that were packed, eight to a byte, before they were run-length coded."""
    from rle.utils import decode_pixel_data  # noqa: PLC0415 a codec loads when a frame needs it

    if pixel.bits_allocated != 1:
        raise NotImplementedError("only single bits")
    count = pixel.rows * pixel.columns * pixel.samples
    data = decode_pixel_data(
        frame, version=2, rows=1, columns=(count + 7) // 8, samples_per_pixel=1, bits_allocated=8
    )
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:count]


def _decode_deflated(frame: bytes, pixel: ImagePixel, _: None) -> Samples:
    expected = pixel.native_frame_bits // 8
    data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, expected + 1)
    samples = np.frombuffer(data[:expected], f"<u{pixel.bits_allocated // 8}")
    if pixel.is_planar:
        return np.moveaxis(samples.reshape(pixel.samples, pixel.rows, pixel.columns), 0, -1)
    return samples


def _decode_openjpeg(frame: bytes, pixel: ImagePixel, stream: Codestream) -> Samples:
    from openjpeg.utils import decode  # noqa: PLC0415 a codec loads when a frame needs it

    samples: Samples = decode(frame)
    return _with_sign(samples, pixel, stream.precision)


def _decode_pyjpegls(frame: bytes, pixel: ImagePixel, stream: Codestream) -> Samples:
    from jpeg_ls import decode_pixel_data  # noqa: PLC0415 a codec loads when a frame needs it

    if not frame.rstrip(b"\0").endswith(_END_OF_IMAGE):
        # Without the marker the decoder goes on behind the end for seconds before it gives up.
        frame += _END_OF_IMAGE
    data, info = decode_pixel_data(frame)
    samples: Samples = np.frombuffer(data, "<u1" if stream.precision <= 8 else "<u2")
    if info["components"] > 1 and info["interleave_mode"] == 0:
        planes = samples.reshape(pixel.samples, pixel.rows, pixel.columns)
        samples = np.ascontiguousarray(np.moveaxis(planes, 0, -1))
    return _with_sign(samples, pixel, stream.precision)


def _decode_pyjpegls_without_padding(
    frame: bytes, pixel: ImagePixel, stream: Codestream
) -> Samples:
    """Decode what an encoder padded with a zero byte before the end marker."""
    end = frame.rfind(b"\x00\xff\xd9")
    if end < 0:
        raise ValueError("no padding to leave out")
    return _decode_pyjpegls(frame[:end] + _END_OF_IMAGE, pixel, stream)


def _decode_pillow(frame: bytes, pixel: ImagePixel, stream: Codestream) -> Samples:
    if stream.precision != 8:
        raise NotImplementedError("only 8 bits a sample")
    with Image.open(io.BytesIO(frame), formats=("JPEG",)) as image:
        if _has_untransformed_colours(stream, pixel):
            # Without markers libjpeg takes three components for YCbCr; asking for YCbCr gives
            # them back untouched.
            image.draft("YCbCr", image.size)
            return np.asarray(image)
        return np.asarray(image.convert("RGB") if stream.components == 3 else image)


def _decode_twelve_bits(frame: bytes, pixel: ImagePixel, stream: Codestream) -> Samples:
    if stream.components != 1:
        raise NotImplementedError("only grey images")
    return _with_sign(decode_extended(frame), pixel, stream.precision)


def _has_untransformed_colours(stream: Codestream, pixel: ImagePixel) -> bool:
    if stream.components != 3 or stream.adobe_transform is not None or stream.has_jfif:
        return False
    return pixel.photometric == "RGB" and stream.component_ids != b"RGB"


def _decode_turbo(frame: bytes, pixel: ImagePixel, stream: Codestream) -> Samples:
    """Decode grey lossless JPEG by libjpeg-turbo, thirty times as fast as our own decoder."""
    from imagecodecs import jpeg8_decode  # noqa: PLC0415 a codec loads when a frame needs it

    if stream.components != 1 or not frame.rstrip(b"\0").endswith(_END_OF_IMAGE):
        # It fills up what is missing with grey.
        raise NotImplementedError("only whole grey images")
    return _with_sign(jpeg8_decode(frame), pixel, stream.precision)


def _decode_lossless(frame: bytes, pixel: ImagePixel, stream: Codestream) -> Samples:
    return _with_sign(decode_lossless(frame), pixel, stream.precision)


def _with_sign(samples: Samples, pixel: ImagePixel, precision: int) -> Samples:
    """Read samples as signed or not as the data set says, whatever the codestream claims."""
    unused = 8 * samples.dtype.itemsize - precision
    size = samples.dtype.itemsize
    kind = "i" if pixel.is_signed else "u"
    viewed = np.ascontiguousarray(samples).view(f"{kind}{size}")
    if unused <= 0:
        return viewed
    return (viewed << unused) >> unused


_DECODERS: dict[str, tuple[_Decoder, ...]] = {
    JPEG: (_decode_pillow, _decode_twelve_bits),
    JPEG_LOSSLESS: (_decode_turbo, _decode_lossless),
    JPEG_LS: (_decode_pyjpegls, _decode_pyjpegls_without_padding),
    JPEG_2000: (_decode_openjpeg,),
}

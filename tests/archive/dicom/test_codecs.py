import io
import zlib

import numpy as np
import pytest
from openjpeg.utils import encode_array
from PIL import Image
from rle.utils import encode_pixel_data

from archive.dicom.codecs import decode_compressed
from archive.dicom.frames import frame_bytes
from archive.dicom.image_pixel import describe_pixels
from archive.dicom.reading import read_dataset
from archive.errors import PixelDecodingError
from tests.builders.datasets import make_dataset
from tests.builders.jpegs import lossless_jpeg

J2K, JPEG = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50"
RLE, DEFLATED_FRAMES = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
RNG = np.random.default_rng(5)


def pixel_of(syntax, **attrs):
    shape = {"Rows": 64, "Columns": 48, "PixelData": b""}
    return describe_pixels(make_dataset(transfer_syntax=syntax, **shape, **attrs))


def grey(bits=16, signed=False):
    low = -(1 << (bits - 1)) if signed else 0
    kind = f"{'i' if signed else 'u'}{2 if bits > 8 else 1}"
    return RNG.integers(low, low + (1 << bits), (64, 48)).astype(kind)


COLOUR = {
    "SamplesPerPixel": 3,
    "PlanarConfiguration": 0,
    "PhotometricInterpretation": "RGB",
    "BitsAllocated": 8,
    "BitsStored": 8,
    "HighBit": 7,
    "PixelRepresentation": 0,
}


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (12, True), (16, True)])
def test_decode_compressed_jpeg_2000_with_sign(bits, signed):
    image = grey(bits, signed)
    pixel = pixel_of(
        J2K,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=int(signed),
        BitsAllocated=8 if bits == 8 else 16,
    )
    samples, is_rgb = decode_compressed(encode_array(image, bits_stored=bits), pixel)
    assert (samples == image).all()
    assert not is_rgb


def test_decode_compressed_reads_unsigned_codestreams_of_signed_data_as_signed():
    image = grey(12, signed=True)
    unsigned = (image.astype(np.int32) & 0xFFF).astype(np.uint16)
    pixel = pixel_of(J2K, BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert (decode_compressed(encode_array(unsigned, bits_stored=12), pixel)[0] == image).all()


@pytest.mark.parametrize("use_mct", [True, False])
def test_decode_compressed_jpeg_2000_colours(use_mct):
    image = RNG.integers(0, 256, (64, 48, 3)).astype(np.uint8)
    frame = encode_array(image, photometric_interpretation=1, use_mct=use_mct)
    samples, is_rgb = decode_compressed(frame, pixel_of(J2K, **COLOUR))
    assert (samples == image).all()
    assert is_rgb is use_mct


@pytest.mark.parametrize("bits", [8, 16])
def test_decode_compressed_rle(bits):
    image = grey(bits)
    data = encode_pixel_data(
        image.tobytes(),
        rows=64,
        columns=48,
        samples_per_pixel=1,
        bits_allocated=bits,
        number_of_frames=1,
        byteorder="<",
    )
    pixel = pixel_of(
        RLE, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=0
    )
    assert (decode_compressed(data, pixel)[0] == image).all()


def test_decode_compressed_deflated_frames():
    image = grey(16)
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    frame = engine.compress(image.tobytes()) + engine.flush()
    pixel = pixel_of(DEFLATED_FRAMES, PixelRepresentation=0)
    assert (decode_compressed(frame, pixel)[0] == image).all()


def test_decode_compressed_deflated_bomb_is_bounded():
    frame = zlib.compress(bytes(50 << 20), 1)[2:]
    samples, _ = decode_compressed(frame, pixel_of(DEFLATED_FRAMES))
    assert samples.shape == (64, 48)


def test_decode_compressed_lossless_jpeg_whatever_jpeg_is_stated():
    image = grey(16)
    pixel = pixel_of(JPEG, PixelRepresentation=0)
    assert (decode_compressed(lossless_jpeg(image), pixel)[0] == image).all()


@pytest.mark.parametrize(("adobe", "photometric"), [(False, "YBR_FULL_422"), (False, "RGB")])
def test_decode_compressed_baseline_colours_with_jfif_come_as_rgb(adobe, photometric):
    buffer = io.BytesIO()
    Image.new("RGB", (48, 64), (200, 30, 40)).save(buffer, "JPEG", quality=95)
    pixel = pixel_of(JPEG, **{**COLOUR, "PhotometricInterpretation": photometric})

    samples, is_rgb = decode_compressed(buffer.getvalue(), pixel)

    assert is_rgb
    assert np.abs(samples.reshape(-1, 3).mean(axis=0) - (200, 30, 40)).max() < 3


def test_decode_compressed_baseline_without_any_marker_follows_the_data_set():
    buffer = io.BytesIO()
    Image.merge("YCbCr", [Image.new("L", (48, 64), v) for v in (200, 30, 40)]).save(
        buffer, "JPEG", quality=95
    )
    data = buffer.getvalue()
    bare = data[:2] + data[2 + 2 + int.from_bytes(data[4:6]) :]  # without its JFIF segment
    pixel = pixel_of(JPEG, **COLOUR)

    samples, _ = decode_compressed(bare, pixel)

    assert np.abs(samples.reshape(-1, 3).mean(axis=0) - (200, 30, 40)).max() < 3


def test_decode_compressed_refuses_another_shape_before_decoding():
    frame = encode_array(np.zeros((1000, 1000), np.uint8))
    with pytest.raises(PixelDecodingError, match="1000 x 1000"):
        decode_compressed(frame, pixel_of(J2K))


@pytest.mark.parametrize("frame", [b"", b"junk" * 100, b"\xff\xd8\xff\xd9"])
def test_decode_compressed_of_anything_else_has_no_decoder(frame):
    with pytest.raises(PixelDecodingError, match="no decoder"):
        decode_compressed(frame, pixel_of("1.2.840.10008.1.2.4.102"))


@pytest.mark.parametrize(
    "frame", [b"", b"\1\0\0\0", bytes(64), b"\xff" * 300, b"\1" + bytes(63) + b"\x80"]
)
def test_decode_compressed_of_broken_rle_raises_its_own_error(frame):
    with pytest.raises(PixelDecodingError):
        decode_compressed(frame, pixel_of(RLE))


@pytest.mark.parametrize("name", ["NM1_RLE", "NM1_J2KI", "NM1_JLSL", "NM1_JPLL", "NM1_JPLY"])
def test_decode_compressed_survives_damage(wg04, name):
    ds = read_dataset(wg04 / f"{name}.dcm")
    pixel, whole = describe_pixels(ds), frame_bytes(ds, 0)
    rng = np.random.default_rng(11)
    for _ in range(12):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(damaged), 6):
            damaged[position] ^= 1 << int(rng.integers(8))
        try:
            samples, _ = decode_compressed(bytes(damaged), pixel)
        except PixelDecodingError:
            continue
        assert samples.shape == (pixel.rows, pixel.columns)


def test_decode_compressed_jpeg_ls_with_a_stray_byte_before_its_end(wg04):
    ds = read_dataset(wg04 / "MR1_JLSL.dcm")
    samples, _ = decode_compressed(frame_bytes(ds, 0), describe_pixels(ds))
    assert samples.shape == (512, 512)

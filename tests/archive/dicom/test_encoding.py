from __future__ import annotations

import numpy as np
import pytest

from archive.dicom.codestreams import inspect_codestream
from archive.dicom.encoding import FrameShape, can_encode, encodable_syntaxes, encode_frame
from archive.errors import PixelDecodingError

RLE, JPEG_LS, J2K, HTJ2K = (
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.201",
)
GREY = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80) % 4096
COLOUR = np.random.default_rng(1).integers(0, 256, (64, 80, 3), np.uint8)


def test_what_can_be_made():
    assert set(encodable_syntaxes()) == {RLE, JPEG_LS, J2K, HTJ2K}
    assert can_encode(J2K, bits_allocated=16, samples_per_pixel=None)
    assert not can_encode(J2K, bits_allocated=1, samples_per_pixel=1)
    assert not can_encode(J2K, bits_allocated=32, samples_per_pixel=1)
    assert not can_encode("1.2.840.10008.1.2.4.50", bits_allocated=8, samples_per_pixel=1)


@pytest.mark.parametrize("syntax", [J2K, HTJ2K])
def test_rgb_goes_through_the_reversible_transform_and_says_so(syntax):
    made = encode_frame(COLOUR, FrameShape(8, "RGB"), syntax)

    assert made.photometric == "YBR_RCT"
    assert inspect_codestream(made.content).has_colour_transform


@pytest.mark.parametrize("syntax", [RLE, JPEG_LS, J2K, HTJ2K])
def test_other_colour_spaces_are_left_alone(syntax):
    made = encode_frame(COLOUR, FrameShape(8, "YBR_FULL"), syntax)

    assert made.photometric == "YBR_FULL"
    stream = inspect_codestream(made.content)
    assert stream is None or not stream.has_colour_transform


@pytest.mark.parametrize("syntax", [JPEG_LS, J2K])
def test_the_codestream_says_how_many_bits_are_stored(syntax):
    made = encode_frame(GREY, FrameShape(12, "MONOCHROME2"), syntax)

    assert inspect_codestream(made.content).precision == 12


def test_small_images_have_fewer_resolutions():
    small = GREY[:7, :5]

    made = encode_frame(small, FrameShape(12, "MONOCHROME2"), J2K)

    stream = inspect_codestream(made.content)
    assert (stream.rows, stream.columns) == (7, 5)


def test_what_can_not_be_encoded_is_our_error():
    with pytest.raises(PixelDecodingError, match="encoder") as refusal:
        encode_frame(GREY.astype(np.float32), FrameShape(32, "MONOCHROME2"), J2K)
    assert refusal.value.code == "not-encodable"
    with pytest.raises(PixelDecodingError):
        encode_frame(GREY, FrameShape(12, "MONOCHROME2"), "1.2.840.10008.1.2.4.50")
    with pytest.raises(PixelDecodingError):
        encode_frame(np.zeros((0, 0), np.uint8), FrameShape(8, "MONOCHROME2"), JPEG_LS)

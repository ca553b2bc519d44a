import pytest
from pydicom.dataset import Dataset

from archive.dicom.image_pixel import describe_pixels
from archive.errors import PixelDecodingError
from tests.builders.datasets import make_dataset


def test_describe_pixels_of_a_ct_slice():
    pixel = describe_pixels(make_dataset())

    assert (pixel.rows, pixel.columns, pixel.samples, pixel.frames) == (16, 12, 1, 1)
    assert pixel.is_signed
    assert pixel.is_little
    assert not pixel.is_float
    assert pixel.native_frame_bits == 16 * 12 * 16


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({"BitsStored": 12, "HighBit": 11}, (12, 11)),
        ({"BitsStored": 12, "HighBit": 15}, (12, 15)),
        ({"BitsStored": 12, "HighBit": 40}, (12, 11)),
        ({"BitsStored": 40, "HighBit": 39}, (16, 15)),
        ({"BitsStored": None, "HighBit": None}, (16, 15)),
    ],
)
def test_describe_pixels_repairs_contradicting_bits(attrs, expected):
    pixel = describe_pixels(make_dataset(**attrs, PixelData=bytes(384)))
    assert (pixel.bits_stored, pixel.high_bit) == expected


def test_describe_pixels_without_pixels_or_shape():
    with pytest.raises(PixelDecodingError) as raised:
        describe_pixels(Dataset())
    assert raised.value.code == "no-pixel-data"
    with pytest.raises(PixelDecodingError, match="shape"):
        describe_pixels(make_dataset(Rows=None, PixelData=b"xx"))


def test_describe_pixels_refuses_a_frame_that_no_memory_holds():
    ds = make_dataset(Rows=65535, Columns=65535, PixelData=b"xx")
    with pytest.raises(PixelDecodingError) as raised:
        describe_pixels(ds)
    assert raised.value.code == "frame-too-large"


@pytest.mark.parametrize(
    ("photometric", "bits"), [("RGB", 24), ("YBR_FULL_422", 16), ("YBR_PARTIAL_420", 12)]
)
def test_native_frame_bits_counts_subsampled_chroma(photometric, bits):
    ds = make_dataset(
        SamplesPerPixel=3,
        PhotometricInterpretation=photometric,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelData=b"xx",
    )
    assert describe_pixels(ds).native_frame_bits == 16 * 12 * bits

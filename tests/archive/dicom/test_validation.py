import pytest
from pydicom.dataset import Dataset

from archive.dicom.elements import ElementReader
from archive.dicom.structure import PIXEL_DATA
from archive.dicom.validation import (
    PixelSpan,
    check_identity,
    check_pixel_data,
    expected_native_bytes,
)
from archive.errors import InvalidInstanceError
from tests.builders.datasets import make_dataset

NATIVE, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"


def span(length, *, fragments=None):
    return PixelSpan(PIXEL_DATA, length, fragments is not None, fragments or 0)


def test_check_identity_accepts_a_whole_instance():
    check_identity(make_dataset())


@pytest.mark.parametrize("keyword", ["SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_check_identity_names_what_is_missing(keyword):
    with pytest.raises(InvalidInstanceError, match="has no S") as raised:
        check_identity(make_dataset(**{keyword: None}))
    assert raised.value.code == "missing-attribute"


def test_check_identity_refuses_a_directory():
    ds = make_dataset()
    ds.DirectoryRecordSequence = [Dataset()]
    with pytest.raises(InvalidInstanceError) as raised:
        check_identity(ds)
    assert raised.value.code == "dicomdir"


@pytest.mark.parametrize(
    ("attrs", "size"),
    [
        ({}, 16 * 12 * 2),
        ({"NumberOfFrames": 10}, 16 * 12 * 20),
        ({"NumberOfFrames": 0}, 16 * 12 * 2),
        (
            {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "BitsAllocated": 8},
            16 * 12 * 3,
        ),
        (
            {"SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422", "BitsAllocated": 8},
            384,
        ),
        (
            {
                "SamplesPerPixel": 3,
                "PhotometricInterpretation": "YBR_PARTIAL_420",
                "BitsAllocated": 8,
            },
            288,
        ),
        ({"BitsAllocated": 1, "Rows": 3, "Columns": 3}, 2),
    ],
)
def test_expected_native_bytes(attrs, size):
    ds = make_dataset(**attrs, PixelData=b"")
    assert expected_native_bytes(ElementReader(ds)) == size


def test_check_pixel_data_accepts_none_and_empty():
    check_pixel_data(Dataset(), None, NATIVE)
    check_pixel_data(Dataset(), span(0), NATIVE)


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated"])
def test_check_pixel_data_needs_a_shape(keyword):
    ds = make_dataset()
    delattr(ds, keyword)
    with pytest.raises(InvalidInstanceError) as raised:
        check_pixel_data(ds, span(10_000), NATIVE)
    assert raised.value.code == "missing-attribute"


@pytest.mark.parametrize(
    ("pixels", "syntax", "code"),
    [
        (span(383), NATIVE, "truncated"),
        (span(384), RLE, "malformed"),
        (span(100, fragments=1), NATIVE, "malformed"),
        (span(100, fragments=0), RLE, "truncated"),
    ],
)
def test_check_pixel_data_refuses(pixels, syntax, code):
    with pytest.raises(InvalidInstanceError) as raised:
        check_pixel_data(make_dataset(), pixels, syntax)
    assert raised.value.code == code


def test_check_pixel_data_accepts_what_fits():
    check_pixel_data(make_dataset(), span(384), NATIVE)
    check_pixel_data(make_dataset(), span(100, fragments=1), RLE)

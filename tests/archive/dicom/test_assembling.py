"""Files put together piece by piece are what a reader expects."""

import io

import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from archive.dicom.assembling import BulkValue, part10_chunks
from archive.dicom.reading import read_dataset
from archive.errors import InvalidInstanceError
from tests.builders.datasets import make_dataset

JPEG = "1.2.840.10008.1.2.4.50"


def assembled(ds, bulk, *syntax):
    return read_dataset(io.BytesIO(b"".join(part10_chunks(ds, bulk, *syntax))))


def without_pixels():
    ds = make_dataset(PatientName="Müller", SpecificCharacterSet="ISO_IR 192")
    pixels = ds.PixelData
    del ds.PixelData
    return ds, pixels


def test_bulk_values_stand_in_their_place_and_are_padded():
    ds, pixels = without_pixels()
    bulk = {
        0x00420011: ("OB", [BulkValue(3, [b"a", b"bc"])]),
        0x7FE00010: ("OW", [BulkValue(len(pixels), [pixels])]),
    }

    found = assembled(ds, bulk)

    assert found.PixelData == pixels
    assert found[0x00420011].value == b"abc\0"
    assert str(found.PatientName) == "Müller"
    assert list(found.keys()) == sorted(found.keys())
    assert found.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID


def test_frames_are_encapsulated():
    ds, _ = without_pixels()
    ds.NumberOfFrames = 2
    frames = [b"\xff\xd8one\xff\xd9", b"\xff\xd8two!\xff\xd9"]

    found = assembled(
        ds, {0x7FE00010: ("OB", [BulkValue(len(one), [one]) for one in frames])}, JPEG
    )

    assert found.file_meta.TransferSyntaxUID == JPEG
    sent = list(generate_frames(found.PixelData, number_of_frames=2))
    assert [one.rstrip(b"\0") for one in sent] == frames


def test_what_fits_no_vr_is_refused():
    ds = Dataset()
    ds.Rows = 1
    ds[0x00280010]._value = 10**9
    with pytest.raises(InvalidInstanceError, match="encoded"):
        list(part10_chunks(ds, {}))
    too_long = {0x00100020: ("LO", [BulkValue(70_000, [bytes(70_000)])])}
    with pytest.raises(InvalidInstanceError, match="too long"):
        list(part10_chunks(Dataset(), too_long))

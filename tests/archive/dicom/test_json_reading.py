"""The DICOM JSON model back to data sets: a round trip, and strict on what is none."""

import math

import pytest

from archive.dicom.dicom_json import dataset_to_json
from archive.dicom.json_reading import MAX_DEPTH, read_dicom_json
from archive.errors import InvalidRequestError

TEXT = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane", "Phonetic": "d^j"}]}}
DOCUMENT = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY"]},
    "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}, {}]},
    **TEXT,
    "00100020": {"vr": "LO"},
    "00180088": {"vr": "DS", "Value": [1.5, -2]},
    "00200013": {"vr": "IS", "Value": [7]},
    "00209165": {"vr": "AT", "Value": ["00209056"]},
    "00280010": {"vr": "US", "Value": [512]},
    "00189087": {"vr": "FD", "Value": [0.1]},
    "00420011": {"vr": "OB", "InlineBinary": "AAEC"},
}


def never(uri):
    raise KeyError(uri)


def test_what_is_read_is_written_the_same():
    read = read_dicom_json(DOCUMENT, never)

    assert dataset_to_json(read.ds) == dict(sorted(DOCUMENT.items()))
    assert read.bulk == {}


def test_values_elsewhere_are_named_at_the_top_and_fetched_inside_sequences():
    document = {
        "7FE00010": {"vr": "OW", "BulkDataURI": "urn:a"},
        "00081140": {"vr": "SQ", "Value": [{"00420011": {"vr": "OB", "BulkDataURI": "urn:b"}}]},
    }

    read = read_dicom_json(document, {"urn:b": b"xy"}.__getitem__)

    assert read.bulk == {0x7FE00010: ("OW", "urn:a")}
    assert "PixelData" not in read.ds
    assert read.ds[0x00081140].value[0][0x00420011].value == b"xy"
    with pytest.raises(InvalidRequestError) as caught:
        read_dicom_json(document, never)
    assert caught.value.code == "bulk-data-missing"


def test_long_numbers_fit_a_decimal_string():
    ds = read_dicom_json(
        {"00200032": {"vr": "DS", "Value": [0.12345678901234567, -1e-300]}}, never
    ).ds

    assert all(len(str(value)) <= 16 for value in ds.ImagePositionPatient)
    assert float(ds.ImagePositionPatient[0]) == pytest.approx(0.12345678901234567)


def test_a_missing_number_is_not_a_number():
    ds = read_dicom_json({"00189087": {"vr": "FD", "Value": [None, 1]}}, never).ds

    assert math.isnan(ds[0x00189087].value[0])


def test_file_meta_and_group_lengths_are_left_out():
    ds = read_dicom_json(
        {"00020010": {"vr": "UI", "Value": ["1"]}, "00100000": {"vr": "UL", "Value": [1]}}, never
    ).ds

    assert [element.keyword for element in ds] == ["SpecificCharacterSet"]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"PatientID": {"vr": "LO"}},
        {"00100020": {}},
        {"00100020": {"vr": "LO", "Value": [3]}},
        {"00100010": {"vr": "PN", "Value": [{"Alphabetic": 3}]}},
        {"00280010": {"vr": "US", "Value": ["x"]}},
        {"00420011": {"vr": "OB", "Value": [1]}},
        {"00420011": {"vr": "OB", "InlineBinary": "?"}},
        {"00081140": {"vr": "SQ", "BulkDataURI": "urn:x"}},
        {"00209165": {"vr": "AT", "Value": ["zz"]}},
    ],
)
def test_what_is_not_of_the_model_is_refused(document):
    with pytest.raises(InvalidRequestError):
        read_dicom_json(document, never)


def test_nesting_has_an_end():
    document = TEXT
    for _ in range(MAX_DEPTH + 2):
        document = {"00081140": {"vr": "SQ", "Value": [document]}}

    with pytest.raises(InvalidRequestError, match="deep"):
        read_dicom_json(document, never)

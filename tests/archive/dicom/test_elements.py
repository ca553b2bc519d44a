import datetime
import io

import pytest
from pydicom.dataset import Dataset

from archive.dicom.elements import ElementReader
from archive.dicom.reading import read_header
from tests.builders import bytestreams as build


def reader_of(*elements, terms=()):
    data = build.part10(build.identity() + b"".join(elements))
    return ElementReader(read_header(io.BytesIO(data)).ds, terms)


DATE, TIME, NUMBER, POSITION = 0x00080020, 0x00080030, 0x00200013, 0x00200032


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20240229", datetime.date(2024, 2, 29)),
        ("2024.02.29", datetime.date(2024, 2, 29)),
        ("2024-02-29", datetime.date(2024, 2, 29)),
        ("20240229101112", datetime.date(2024, 2, 29)),
        ("", None),
    ],
)
def test_date(value, expected):
    reader = reader_of(build.text(DATE, "DA", value))
    assert reader.date(DATE) == expected
    assert reader.cleaned == []


@pytest.mark.parametrize(
    "value", ["20230229", "00000000", "hello", "2024", "99999999", "20240229"[:6]]
)
def test_date_that_is_none_is_noted(value):
    reader = reader_of(build.text(DATE, "DA", value))
    assert reader.date(DATE) is None
    assert reader.cleaned == ["StudyDate"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("101530", datetime.time(10, 15, 30)),
        ("101530.5", datetime.time(10, 15, 30, 500_000)),
        ("101530.000001", datetime.time(10, 15, 30, 1)),
        ("10:15:30", datetime.time(10, 15, 30)),
        ("1015", datetime.time(10, 15)),
        ("10", datetime.time(10)),
        ("235960", datetime.time(23, 59, 59)),
        ("", None),
    ],
)
def test_time(value, expected):
    assert reader_of(build.text(TIME, "TM", value)).time(TIME) == expected


@pytest.mark.parametrize("value", ["250000", "noon", "1", "106000", "101530.1234567"])
def test_time_that_is_none_is_noted(value):
    reader = reader_of(build.text(TIME, "TM", value))
    assert reader.time(TIME) is None
    assert reader.cleaned == ["StudyTime"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7),
        (" -12 ", -12),
        ("+3", 3),
        ("4.0", 4),
        ("5\\6", 5),
        ("", None),
        ("2147483647", 2147483647),
    ],
)
def test_integer_of_a_text(value, expected):
    assert reader_of(build.text(NUMBER, "IS", value)).integer(NUMBER) == expected


@pytest.mark.parametrize("value", ["1A", "4.5", "2147483648", "nan", "inf", "1e400", "--1"])
def test_integer_that_is_none_is_noted(value):
    reader = reader_of(build.text(NUMBER, "IS", value))
    assert reader.integer(NUMBER) is None
    assert reader.cleaned == ["InstanceNumber"]


@pytest.mark.parametrize(
    ("vr", "value"), [("US", b"\x00\x02"), ("SS", b"\x00\x02"), ("UL", b"\0\2\0\0")]
)
def test_integer_of_a_binary_number(vr, value):
    assert reader_of(build.element(0x00280010, vr, value)).integer(0x00280010) == 512


def test_integer_of_a_binary_number_without_bytes_is_none():
    assert reader_of(build.element(0x00280010, "US")).integer(0x00280010) is None


def test_text_is_cleaned_of_control_characters_and_noted():
    reader = reader_of(build.element(0x00081030, "LO", b"CT\0thorax\x07 "))
    assert reader.text(0x00081030, 64) == "CT thorax"
    assert reader.cleaned == ["StudyDescription"]


def test_text_is_cut_to_its_limit_and_noted():
    reader = reader_of(build.text(0x00081030, "LO", "x" * 300))
    assert reader.text(0x00081030, 255) == "x" * 255
    assert reader.cleaned == ["StudyDescription"]


def test_text_is_noted_once():
    reader = reader_of(build.text(0x00081030, "LO", "x" * 300))
    reader.text(0x00081030, 10)
    reader.text(0x00081030, 10)
    assert reader.cleaned == ["StudyDescription"]


def test_text_uses_the_character_set_stated_else_inherited():
    name = build.element(0x00100010, "PN", b"\xbb\xee\xda")
    stated = build.text(0x00080005, "CS", "ISO_IR 101")
    assert reader_of(stated, name).text(0x00100010, 64) == "ťîÚ"
    assert reader_of(name, terms=("ISO_IR 144",)).text(0x00100010, 64) == "Люк"
    assert reader_of(stated, name, terms=("ISO_IR 144",)).terms == ("ISO_IR 101",)


def test_code_is_the_first_value_without_padding():
    reader = reader_of(build.text(0x00080060, "CS", " MR \\CT"))
    assert reader.code(0x00080060) == "MR"


def test_numbers_are_all_or_none():
    assert reader_of(build.text(POSITION, "DS", "1\\-2.5\\3e1")).numbers(POSITION, 3) == [
        1,
        -2.5,
        30,
    ]
    assert reader_of().numbers(POSITION, 3) is None
    for bad in ("1\\2", "1\\2\\x", "1\\2\\nan", "1\\2\\inf"):
        reader = reader_of(build.text(POSITION, "DS", bad))
        assert reader.numbers(POSITION, 3) is None
        assert reader.cleaned == ["ImagePositionPatient"]


def test_decoded_elements_read_like_raw_ones():
    ds = Dataset()
    ds.StudyDate, ds.StudyTime, ds.InstanceNumber = "20240229", "101530", 7
    ds.ImagePositionPatient, ds.Rows, ds.PatientName = [1, 2, 3], 512, "Doe^Jane"
    ds.StudyInstanceUID, ds.ImageType, ds.StudyDescription = "1.2.3", ["ORIGINAL", "PRIMARY"], None
    reader = ElementReader(ds)

    assert reader.date(DATE) == datetime.date(2024, 2, 29)
    assert reader.time(TIME) == datetime.time(10, 15, 30)
    assert (reader.integer(NUMBER), reader.integer(0x00280010)) == (7, 512)
    assert reader.numbers(POSITION, 3) == [1, 2, 3]
    assert reader.uid(0x0020000D) == "1.2.3"
    assert reader.text(0x00100010, 64) == "Doe^Jane"
    assert reader.code(0x00080008) == "ORIGINAL"
    assert reader.text(0x00081030, 64) == ""

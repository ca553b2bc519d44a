import pytest

from archive.dicom.file_meta import find_layout, read_file_meta
from archive.errors import InvalidInstanceError
from tests.builders import bytestreams as build

CT = "1.2.840.10008.5.1.4.1.1.2"


def code_of(data):
    with pytest.raises(InvalidInstanceError) as raised:
        read_file_meta(data)
    return raised.value.code


def test_read_file_meta_finds_syntax_and_data_set():
    data = build.part10(build.identity())

    meta = read_file_meta(data)

    assert meta.transfer_syntax_uid == build.EXPLICIT_LITTLE
    assert data[meta.dataset_offset :] == build.identity()
    assert meta.preamble == b"\0" * 128
    assert meta.ds.TransferSyntaxUID == build.EXPLICIT_LITTLE


def test_read_file_meta_without_preamble():
    data = build.part10(build.identity())[132:]

    meta = read_file_meta(data)

    assert meta.preamble is None
    assert data[meta.dataset_offset :] == build.identity()


@pytest.mark.parametrize(
    ("options", "syntax"),
    [
        ({}, "1.2.840.10008.1.2.1"),
        ({"implicit": True}, "1.2.840.10008.1.2"),
        ({"big": True}, "1.2.840.10008.1.2.2"),
    ],
)
def test_read_file_meta_concludes_the_syntax_of_a_bare_data_set(options, syntax):
    meta = read_file_meta(build.identity(**options))

    assert meta.dataset_offset == 0
    assert meta.transfer_syntax_uid == syntax


def test_read_file_meta_concludes_a_missing_syntax():
    data = build.part10(build.identity(implicit=True), None)
    assert read_file_meta(data).transfer_syntax_uid == "1.2.840.10008.1.2"


def test_read_file_meta_does_not_trust_its_group_length():
    data = bytearray(build.part10(build.identity()))
    data[140:144] = b"\xff\xff\0\0"

    assert bytes(data)[read_file_meta(bytes(data)).dataset_offset :] == build.identity()


def test_read_file_meta_strips_padding_from_the_syntax():
    data = build.part10(b"", "1.2.840.10008.1.2 \0")
    assert read_file_meta(data).transfer_syntax_uid == "1.2.840.10008.1.2"


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"%PDF-1.7" + b"x" * 500, b"\x89PNG" + bytes(300), bytes(1000), b"PK\3\4" * 99],
)
def test_read_file_meta_refuses_other_files(data):
    assert code_of(data) == "not-dicom"


def test_read_file_meta_refuses_a_dicomdir():
    meta = build.text(0x00020002, "UI", "1.2.840.10008.1.3.10")
    assert code_of(b"\0" * 128 + b"DICM" + meta) == "dicomdir"


def test_read_file_meta_refuses_a_cut_and_a_bad_syntax():
    data = build.part10(b"")
    assert code_of(data[:-3]) == "truncated"
    assert code_of(build.part10(b"", "../../etc")) == "malformed"


def test_find_layout_uses_the_stated_byte_order_for_odd_groups():
    data = build.text(0x3F030010, "LO", "CREATOR", implicit=True)

    assert find_layout(data, 0, "1.2.840.10008.1.2").is_little
    assert not find_layout(data, 0, "1.2.840.10008.1.2.2").is_little

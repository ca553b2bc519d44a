import struct

import numpy as np
import pytest
from pydicom.encaps import get_frame

from archive.dicom.frames import frame_bytes
from archive.dicom.reading import read_dataset
from archive.errors import InvalidInstanceError, PixelDecodingError
from tests.archive.dicom.conftest import TEST_FILES
from tests.builders import bytestreams as build
from tests.builders.datasets import make_dataset

RLE = "1.2.840.10008.1.2.5"


def multi_frame(value, frames=3):
    ds = make_dataset(transfer_syntax=RLE, NumberOfFrames=frames, PixelData=value)
    ds["PixelData"].is_undefined_length = True
    return ds


def encapsulated(*parts, offsets=b""):
    return build.fragments(*parts, offsets=offsets, end=b"")[12:]


def test_frame_bytes_of_native_frames_are_slices():
    ds = make_dataset(NumberOfFrames=3)
    size = 16 * 12 * 2
    assert frame_bytes(ds, 1) == ds.PixelData[size : 2 * size]
    assert b"".join(frame_bytes(ds, n) for n in range(3)) == ds.PixelData


def test_frame_bytes_of_single_bits_start_on_a_byte():
    ds = make_dataset(
        Rows=3,
        Columns=3,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
        PixelRepresentation=0,
        NumberOfFrames=2,
        PixelData=np.packbits([1] * 9 + [1, 0] * 4 + [1], bitorder="little").tobytes(),
    )
    frame = np.unpackbits(np.frombuffer(frame_bytes(ds, 1), np.uint8), bitorder="little")[:9]
    assert frame.tolist() == [1, 0, 1, 0, 1, 0, 1, 0, 1]


def test_frame_bytes_by_one_fragment_a_frame():
    ds = multi_frame(encapsulated(b"first1", b"second", b"third3"))
    assert [frame_bytes(ds, n) for n in range(3)] == [b"first1", b"second", b"third3"]


def test_frame_bytes_by_basic_offset_table_joins_fragments():
    offsets = struct.pack("<3L", 0, 24, 36)
    value = encapsulated(b"aaaa", b"bbbb", b"cccc", b"dddd", offsets=offsets)
    assert [frame_bytes(multi_frame(value), n) for n in range(3)] == [b"aaaabbbb", b"cccc", b"dddd"]


def test_frame_bytes_by_extended_offset_table():
    ds = multi_frame(encapsulated(b"aaaa", b"bbbb", b"cccc"))
    ds.ExtendedOffsetTable = struct.pack("<3Q", 0, 12, 24)
    ds.ExtendedOffsetTableLengths = struct.pack("<3Q", 4, 4, 4)
    assert frame_bytes(ds, 1) == b"bbbb"


def test_frame_bytes_of_a_single_frame_joins_all_fragments():
    assert frame_bytes(multi_frame(encapsulated(b"aa", b"bb"), frames=1), 0) == b"aabb"


@pytest.mark.parametrize("index", [-1, 3, 10**9])
def test_frame_bytes_refuses_a_frame_that_is_not_there(index):
    with pytest.raises(PixelDecodingError) as raised:
        frame_bytes(make_dataset(NumberOfFrames=3), index)
    assert raised.value.code == "no-such-frame"


def test_frame_bytes_of_short_or_broken_pixel_data():
    with pytest.raises(PixelDecodingError, match="shorter"):
        frame_bytes(make_dataset(PixelData=b"xx"), 0)
    for value in (b"", b"\0" * 7, b"junk" * 10, encapsulated()):
        with pytest.raises(PixelDecodingError, match="can't be found"):
            frame_bytes(multi_frame(value), 0)


def test_frame_bytes_without_a_table_finds_where_images_begin():
    value = encapsulated(b"\xff\xd8\xff1", b"more", b"\xff\xd8\xff2", b"\xff\xd8\xff3", b"tail")
    frames = [frame_bytes(multi_frame(value), n) for n in range(3)]
    assert frames == [b"\xff\xd8\xff1more", b"\xff\xd8\xff2", b"\xff\xd8\xff3tail"]


def test_frame_bytes_ignores_a_damaged_basic_offset_table():
    offsets = struct.pack("<3L", 0, 7, 10**6)
    value = encapsulated(b"aaaa", b"bbbb", b"cccc", offsets=offsets)
    assert [frame_bytes(multi_frame(value), n) for n in (1, 2)] == [b"bbbb", b"cccc"]


def test_frame_bytes_that_no_rule_finds_are_an_error():
    with pytest.raises(PixelDecodingError, match="can't be found"):
        frame_bytes(multi_frame(encapsulated(b"aaaa", b"bbbb", b"cccc", b"dddd")), 0)


def test_frame_bytes_agree_with_pydicom_on_every_real_file(real_files):
    compared = 0
    for path in real_files:
        try:
            ds = read_dataset(path)
        except InvalidInstanceError:
            continue
        element = ds.get_item("PixelData") if "PixelData" in ds else None
        if element is None or element.length != 0xFFFFFFFF:
            continue
        frames = int(ds.get("NumberOfFrames", 1) or 1)
        for index in range(min(frames, 3)):
            expected = get_frame(element.value, index, number_of_frames=frames)
            assert frame_bytes(ds, index) == expected, path.name
        compared += 1
    assert compared > 30


def test_frame_bytes_ignores_a_damaged_extended_offset_table():
    ds = multi_frame(encapsulated(b"aaaa", b"bbbb", b"cccc"))
    ds.ExtendedOffsetTable = struct.pack("<3Q", 0, 10**9, 24)
    ds.ExtendedOffsetTableLengths = struct.pack("<3Q", 4, 4, 4)
    assert frame_bytes(ds, 1) == b"bbbb"


def test_frame_bytes_undoes_swapped_big_endian_words():
    little = read_dataset(TEST_FILES / "SC_rgb_small_odd.dcm")
    big = read_dataset(TEST_FILES / "SC_rgb_small_odd_big_endian.dcm")
    assert frame_bytes(big, 0) == frame_bytes(little, 0)

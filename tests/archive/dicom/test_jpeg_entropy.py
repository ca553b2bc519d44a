import pytest

from archive.dicom.jpeg_entropy import bit_windows, coded_intervals, read_huffman_tables


def test_read_huffman_tables_assigns_canonical_codes():
    counts = bytes([0, 2, 1] + [0] * 13)
    tables = read_huffman_tables(b"\x10" + counts + bytes([7, 8, 9]))

    table = tables[1, 0]

    assert table[0b0000000000000000] == 2 << 8 | 7
    assert table[0b0100000000000000] == 2 << 8 | 8
    assert table[0b1000000000000000] == 3 << 8 | 9
    assert table[0b1111111111111111] == 0


def test_read_huffman_tables_reads_several_from_one_segment():
    one = bytes([1] + [0] * 15) + b"\x05"
    assert set(read_huffman_tables(b"\x00" + one + b"\x11" + one)) == {(0, 0), (1, 1)}


def test_read_huffman_tables_refuses_too_many_codes():
    with pytest.raises(ValueError, match="overfull"):
        read_huffman_tables(b"\x00" + bytes([3] + [0] * 15) + b"\1\2\3")


def test_coded_intervals_end_at_the_next_marker_and_lose_their_stuffing():
    assert coded_intervals(b"a\xff\x00b\xff\xd9rest", has_restarts=False) == [b"a\xffb"]


def test_coded_intervals_split_at_restart_markers():
    data = b"one\xff\xd0two\xff\x00\xff\xd1three\xff\xd9"
    assert coded_intervals(data, has_restarts=True) == [b"one", b"two\xff", b"three"]


def test_bit_windows_start_at_every_bit():
    windows = bit_windows(b"\x80\x01\x40")

    assert windows[0] == 0x8001
    assert windows[1] == 0x0002
    assert windows[8] == 0x0140
    assert len(windows) == 24 + 16

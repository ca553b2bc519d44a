import zlib

import pytest

from archive.dicom.deflation import inflate
from archive.errors import InvalidInstanceError


def deflate(data, wbits=-zlib.MAX_WBITS):
    engine = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return engine.compress(data) + engine.flush()


def code_of(stream):
    with pytest.raises(InvalidInstanceError) as raised:
        inflate(stream, 0, len(stream))
    return raised.value.code


@pytest.mark.parametrize("wbits", [-zlib.MAX_WBITS, zlib.MAX_WBITS], ids=["bare", "zlib"])
@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 100])
def test_inflate_gives_back_what_was_deflated(wbits, padding):
    data = bytes(range(256)) * 20_000
    stream = b"meta" + deflate(data, wbits) + padding

    with inflate(stream, 4, len(stream)) as file:
        assert file.read() == data


def test_inflate_takes_a_checksum_behind_the_stream():
    stream = deflate(b"data") + b"\x12\x34\x56\x78\x04\0\0\0"

    with inflate(stream, 0, len(stream)) as file:
        assert file.read() == b"data"


def test_inflate_refuses_a_bomb_by_what_it_produces(monkeypatch):
    monkeypatch.setattr("archive.dicom.deflation.MAX_INFLATED_BYTES", 10 << 20)
    assert code_of(deflate(bytes(11 << 20))) == "too-large"
    stream = deflate(bytes(10 << 20))
    inflate(stream, 0, len(stream)).close()


def test_inflate_refuses_cut_and_broken_streams():
    stream = deflate(bytes(range(256)) * 1000)
    assert code_of(stream[:-10]) == "truncated"
    assert code_of(b"") == "truncated"
    assert code_of(b"\xff" * 100) == "malformed"
    assert code_of(stream + b"other data behind") == "malformed"

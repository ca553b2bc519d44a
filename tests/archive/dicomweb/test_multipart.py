from __future__ import annotations

import pytest

from archive.dicomweb import multipart
from archive.dicomweb.multipart import MultipartReader
from archive.errors import ArchiveError, InvalidRequestError, LimitExceededError
from tests.builders.multipart import BOUNDARY, related

CONTENTS = [b"first", b"", b"--a-boundar\r\n" * 100, bytes(range(256)) * 40]


def read(body, size=None, boundary=BOUNDARY):
    size = size or len(body) or 1
    chunks = (body[start : start + size] for start in range(0, len(body), size))
    return [
        (headers, b"".join(content))
        for headers, content in MultipartReader(chunks, boundary).parts()
    ]


@pytest.mark.parametrize("size", [1, 2, 7, 64, None])
def test_parts_come_whole_however_the_body_is_cut(size):
    parts = read(related(CONTENTS), size)

    assert [content for _, content in parts] == CONTENTS
    assert {headers["content-type"] for headers, _ in parts} == {"application/dicom"}


def test_each_part_has_its_own_headers_even_in_one_chunk():
    body = (
        f"--{BOUNDARY}\r\nContent-Type: a/b\r\nContent-Location: one\r\n\r\n1\r\n"
        f"--{BOUNDARY}\r\nCONTENT-TYPE: c/d\r\n\r\n2\r\n--{BOUNDARY}--"
    ).encode()

    headers = [headers for headers, _ in read(body)]

    assert headers == [
        {"content-type": "a/b", "content-location": "one"},
        {"content-type": "c/d"},
    ]


def test_a_part_left_unread_is_passed_over():
    reader = MultipartReader([related([b"x" * 1000, b"y"])], BOUNDARY)

    assert len(list(reader.parts())) == 2


def test_what_follows_the_closing_boundary_is_ignored():
    assert len(read(related([b"x"]) + b"epilogue", size=5)) == 1


@pytest.mark.parametrize("size", [1, 7, None])
@pytest.mark.parametrize(
    "preamble",
    ["\r\n", "This is a message in several parts.\r\n", f"\r\nno --{BOUNDARY} yet\r\n"],
)
def test_what_precedes_the_first_boundary_is_ignored(preamble, size):
    parts = read(preamble.encode() + related(CONTENTS), size=size)

    assert [content for _, content in parts] == CONTENTS


def test_a_preamble_without_end_is_refused():
    endless = (b"x" * 1000 for _ in iter(int, 1))

    with pytest.raises(InvalidRequestError):
        list(MultipartReader(endless, BOUNDARY).parts())


def test_no_parts_are_no_error_here():
    assert read(f"--{BOUNDARY}--\r\n".encode()) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no multipart at all",
        related([b"x" * 100])[:-40],
        related([b"x" * 100])[:20],
        related([b"x"]).replace(b"Content-Type:", b"Content Type"),
        related([b"x"])[: -len("--\r\n")],
    ],
)
def test_malformed_and_truncated_bodies_are_refused(body):
    with pytest.raises(InvalidRequestError):
        read(body)


@pytest.mark.parametrize("boundary", ["", "b" * 71, "gr\u00fc\u00df"])
def test_bad_boundaries_are_refused(boundary):
    with pytest.raises(InvalidRequestError):
        read(b"", boundary=boundary)


def test_headers_of_a_part_are_bounded():
    for header in (b"X: " + b"y" * 10_000, b"\r\n".join([b"X: y"] * 100)):
        body = b"--%b\r\n%b\r\n\r\nz\r\n--%b--" % (BOUNDARY.encode(), header, BOUNDARY.encode())
        with pytest.raises(InvalidRequestError):
            read(body)


def test_the_number_of_parts_is_bounded(monkeypatch):
    monkeypatch.setattr(multipart, "MAX_PARTS", 3)

    with pytest.raises(LimitExceededError):
        read(related([b"x"] * 4))


def test_random_bytes_end_in_parts_or_in_our_own_errors():
    body = bytearray(related(CONTENTS))
    for position in range(0, len(body), 37):
        broken = bytearray(body)
        broken[position] ^= 0x55
        try:
            read(bytes(broken), size=50)
        except ArchiveError:
            continue

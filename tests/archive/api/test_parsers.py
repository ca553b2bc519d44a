from __future__ import annotations

import io

import pytest
from django.test import RequestFactory

from archive.api.parsers import BoundedJsonParser, iter_parts
from archive.errors import InvalidRequestError, LimitExceededError


def _request(body: bytes, content_type: str = "multipart/form-data; boundary=x", **meta: str):
    return RequestFactory().post("/", body, content_type=content_type, **meta)


def _form(*parts: tuple[str, bytes]) -> bytes:
    body = b""
    for disposition, content in parts:
        head = f"--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
        body += head.encode() + content + b"\r\n"
    return body + b"--x--\r\n"


def _read(
    body: bytes, *, max_bytes=10_000_000, max_parts=10
) -> list[tuple[str, str | None, bytes]]:
    parts = iter_parts(_request(body), max_bytes=max_bytes, max_parts=max_parts)
    return [(part.name, part.filename, b"".join(part.chunks)) for part in parts]


def test_parts_come_in_order_with_their_bytes():
    big = bytes(range(256)) * 5000
    body = _form(('name="a"', b"1"), ('name="f"; filename="x.dcm"', big), ('name="e"', b""))

    assert _read(body) == [("a", None, b"1"), ("f", "x.dcm", big), ("e", None, b"")]


@pytest.mark.parametrize(
    "content", [b"--x", b"\r\n--", b"\r", b"\r\n", b"\r\n-", b"\n--x\n", b"--x--"]
)
def test_content_that_looks_like_the_boundary_stays_whole(content):
    body = _form(('name="f"; filename="x"', b"start" + content + b"end"))

    assert _read(body) == [("f", "x", b"start" + content + b"end")]


def test_part_that_is_not_read_is_passed_over():
    body = _form(('name="a"; filename="a"', b"x" * 1_000_000), ('name="b"', b"2"))

    parts = iter_parts(_request(body), max_bytes=10_000_000, max_parts=10)

    assert [part.name for part in parts] == ["a", "b"]


def test_names_are_utf8():
    body = _form(('name="f"; filename="Übung 1.dcm"', b"1"))

    assert _read(body)[0][1] == "Übung 1.dcm"


def test_too_many_parts_are_refused():
    body = _form(*[('name="a"', b"1")] * 5)

    with pytest.raises(LimitExceededError) as caught:
        _read(body, max_parts=4)

    assert caught.value.code == "too-many-parts"


def test_announced_size_is_checked_before_reading():
    request = _request(_form(('name="a"', b"1" * 100)))
    request.read = lambda *_: pytest.fail("the body was read")

    with pytest.raises(LimitExceededError):
        next(iter_parts(request, max_bytes=50, max_parts=10))


@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\n" + b"A: " + b"b" * 20_000 + b"\r\n\r\n1\r\n--x--\r\n",
        b"--x\r\n" + b"A: b\r\n" * 100 + b"\r\n1\r\n--x--\r\n",
        b"--x\r\nContent-Disposition\r\n\r\n1\r\n--x--\r\n",
        b"preamble",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1",
        b"--x\r\n",
        b"\x00" * 100,
    ],
    ids=["long-header", "many-headers", "no-colon", "text", "cut", "only-boundary", "zeros"],
)
def test_malformed_bodies_are_invalid_requests(body):
    with pytest.raises(InvalidRequestError):
        _read(body)


def test_long_text_field_is_refused():
    (part,) = [
        part
        for part in iter_parts(_request(_form(('name="a"', b"1"))), max_bytes=10_000, max_parts=1)
        if part.text() == "1"
    ]
    assert part.name == "a"
    body = _form(('name="a"', b"1" * 2_000_000))
    with pytest.raises(LimitExceededError):
        next(iter_parts(_request(body), max_bytes=10_000_000, max_parts=1)).text()


@pytest.mark.parametrize("text", ['{"a": 1}', "[]", '"x"', "null"])
def test_json_is_read(text):
    import json

    assert BoundedJsonParser().parse(io.BytesIO(text.encode())) == json.loads(text)


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", '"\\ud800"', "[" * 100_000, "\xff"])
def test_what_is_no_json_is_an_invalid_request(text):
    with pytest.raises(InvalidRequestError):
        BoundedJsonParser().parse(io.BytesIO(text.encode("latin-1")))

"""Bodies of requests, within bounds: JSON, and multipart forms part by part as they arrive."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from rest_framework.parsers import BaseParser

from archive.errors import InvalidRequestError, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.http import HttpRequest

READ_BYTES = 256 * 1024
MAX_FIELD_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 16 * 1024


class BoundedJsonParser(BaseParser):
    """JSON of bounded size and depth, whose texts can all be written as UTF-8."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body's value."""
        del media_type, parser_context
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise _too_large(limit)
        try:
            value = json.loads(body, parse_constant=_refuse_constant)
            # An escaped half of a surrogate pair is a text that nothing below can hold.
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            message = "The body is not JSON that can be read."
            raise InvalidRequestError(message, code="malformed-json") from error
        return value


def _refuse_constant(name: str) -> None:
    message = f"{name} is no JSON"
    raise ValueError(message)


@dataclass(frozen=True)
class Part:
    """One part of a form: a field's name, the file's name where it is a file, and its bytes.

    ``chunks`` must be used up before the next part is asked for.
    """

    name: str
    filename: str | None
    chunks: Iterator[bytes]

    def text(self) -> str:
        """Return a short field's value."""
        value = bytearray()
        for chunk in self.chunks:
            value += chunk
            if len(value) > MAX_FIELD_BYTES:
                raise LimitExceededError(f"The field {self.name!r} is too long.")
        return value.decode("utf-8", "replace")


def iter_parts(request: HttpRequest, *, max_bytes: int, max_parts: int) -> Iterator[Part]:
    """Yield the parts of a multipart/form-data body while it is received.

    Raises InvalidRequestError for a body that is none, and LimitExceededError past a limit.
    """
    boundary = _check_request(request, max_bytes)
    stream = _EventStream(request, boundary, max_bytes)
    count = 0
    for kind, _ in stream.events():
        if kind != "begin":
            continue
        count += 1
        if count > max_parts:
            message = f"The request has more than {max_parts} parts."
            raise LimitExceededError(message, code="too-many-parts")
        part = _open_part(stream)
        yield part
        for _ in part.chunks:
            pass  # what the caller left of this part


def _check_request(request: HttpRequest, max_bytes: int) -> bytes:
    """Refuse what is not worth reading; return the boundary."""
    if request.META.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
        message = "Compressed request bodies are not accepted."
        raise InvalidRequestError(message, code="unsupported-encoding")
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in request.META or not announced.isdecimal():
        message = "The request must say its Content-Length."
        raise InvalidRequestError(message, code="length-required")
    if announced == "0":
        message = "The request has no body."
        raise InvalidRequestError(message, code="empty")
    kind, options = parse_options_header(request.META.get("CONTENT_TYPE", ""))
    if kind != b"multipart/form-data":
        message = "The body must be multipart/form-data."
        raise InvalidRequestError(message, code="unsupported-media-type")
    if not options.get(b"boundary"):
        message = "The Content-Type names no boundary."
        raise InvalidRequestError(message)
    if int(announced) > max_bytes:
        raise _too_large(max_bytes)
    return options[b"boundary"]


class _EventStream:
    """Turns the push parser into a stream of (kind, bytes) events."""

    def __init__(self, request: HttpRequest, boundary: bytes, max_bytes: int) -> None:
        self._request = request
        self._max_bytes = max_bytes
        self._read_bytes = 0
        self._queue: deque[tuple[str, bytes]] = deque()
        self._is_ended = False
        callbacks: Any = {
            "on_part_begin": lambda: self._put("begin"),
            "on_header_field": lambda data, start, end: self._put("field", data[start:end]),
            "on_header_value": lambda data, start, end: self._put("value", data[start:end]),
            "on_header_end": lambda: self._put("header"),
            "on_headers_finished": lambda: self._put("headers"),
            "on_part_data": lambda data, start, end: self._put("data", data[start:end]),
            "on_part_end": lambda: self._put("end"),
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(
                boundary, callbacks, max_header_size=MAX_HEADER_BYTES, max_header_count=16
            )
        except FormParserError as error:
            message = "The boundary is not a valid one."
            raise InvalidRequestError(message) from error

    def _put(self, kind: str, data: bytes = b"") -> None:
        self._queue.append((kind, data))

    def _end(self) -> None:
        self._is_ended = True

    def events(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the parser found, reading on as needed."""
        while True:
            while self._queue:
                yield self._queue.popleft()
            if not self._read_on():
                return

    def _read_on(self) -> bool:
        try:
            data = self._request.read(READ_BYTES)
        except OSError as error:
            message = "The request ended before its body was complete."
            raise InvalidRequestError(message, code="request-cut") from error
        if not data:
            if not self._is_ended:
                message = "The request ended before its last part did."
                raise InvalidRequestError(message, code="request-cut")
            return False
        self._read_bytes += len(data)
        if self._read_bytes > self._max_bytes:
            raise _too_large(self._max_bytes)
        try:
            self._parser.write(data)
        except FormParserError as error:
            message = "The body is not well-formed multipart/form-data."
            raise InvalidRequestError(message) from error
        return True


def _open_part(stream: _EventStream) -> Part:
    headers: dict[bytes, bytes] = {}
    field, value = b"", b""
    for kind, data in stream.events():
        if kind == "field":
            field += data
        elif kind == "value":
            value += data
        elif kind == "header":
            headers[field.lower()] = value
            field, value = b"", b""
        elif kind == "headers":
            break
    _, options = parse_options_header(headers.get(b"content-disposition", b""))
    filename = options.get(b"filename")
    return Part(
        name=options.get(b"name", b"").decode("utf-8", "replace"),
        filename=None if filename is None else filename.decode("utf-8", "replace"),
        chunks=_part_chunks(stream),
    )


def _part_chunks(stream: _EventStream) -> Iterator[bytes]:
    for kind, data in stream.events():
        if kind == "end":
            return
        yield data


def _too_large(max_bytes: int) -> LimitExceededError:
    return LimitExceededError(f"The request is larger than the limit of {max_bytes} bytes.")

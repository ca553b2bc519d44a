"""multipart/related bodies, read part by part as the bytes arrive."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from archive.errors import InvalidRequestError, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_PARTS = 10_000
MAX_BOUNDARY_LENGTH = 70
MAX_PREAMBLE_BYTES = 16 * 1024
_MAX_HEADERS = 16
_MAX_HEADER_BYTES = 4096
_BEGIN, _DATA, _END, _CLOSE = range(4)
_Headers = dict[str, str]
_Event = tuple[int, bytes, _Headers]


class MultipartReader:
    """Parts of a body in order; each is read to its end before the next begins.

    Parameters
    ----------
    chunks
        the body's bytes
    boundary
        from the request's Content-Type
    """

    def __init__(self, chunks: Iterable[bytes], boundary: str) -> None:
        if not 1 <= len(boundary) <= MAX_BOUNDARY_LENGTH or not boundary.isascii():
            raise InvalidRequestError("The multipart boundary is missing or too long.")
        self._chunks = iter(chunks)
        self._delimiter = b"--" + boundary.encode("ascii")
        self._preamble: bytes | None = b""
        self._events: deque[_Event] = deque()
        self._headers: _Headers = {}
        self._field = b""
        self._value = b""
        self._is_closed = False
        self._parser = MultipartParser(
            boundary.encode("ascii"),
            {
                "on_part_begin": self._on_part_begin,
                "on_part_data": self._on_part_data,
                "on_part_end": lambda: self._add(_END),
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": lambda: self._add(_BEGIN),
                "on_end": lambda: self._add(_CLOSE),
            },
            max_header_count=_MAX_HEADERS,
            max_header_size=_MAX_HEADER_BYTES,
        )

    def parts(self) -> Iterator[tuple[_Headers, Iterator[bytes]]]:
        """Yield headers (names in lower case) and chunks of each part.

        Raises
        ------
        InvalidRequestError
            The body is no multipart, or ends too early.
        LimitExceededError
            There are more parts than allowed.
        """
        count = 0
        while (event := self._next_event()) is not None:
            kind, _, headers = event
            if kind == _BEGIN:
                count += 1
                if count > MAX_PARTS:
                    raise LimitExceededError(f"A request holds at most {MAX_PARTS} instances.")
                content = self._content()
                yield headers, content
                # What the caller left unread is passed over.
                for _ in content:
                    pass
            elif kind == _CLOSE:
                self._is_closed = True
        if not self._is_closed:
            raise InvalidRequestError("The body ends before its closing boundary.")

    def _content(self) -> Iterator[bytes]:
        while (event := self._next_event()) is not None:
            kind, data, _ = event
            if kind != _DATA:
                return
            yield data
        raise InvalidRequestError("The body ends in the middle of a part.")

    def _next_event(self) -> _Event | None:
        while not self._events:
            chunk = next(self._chunks, None)
            if chunk is None:
                return None
            self._feed(chunk)
        return self._events.popleft()

    def _feed(self, chunk: bytes) -> None:
        if self._is_closed:
            # An epilogue has no meaning (RFC 2046 5.1.1).
            return
        if self._preamble is not None:
            chunk = self._without_preamble(self._preamble + chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequestError("The body is no well-formed multipart.") from error

    def _without_preamble(self, start: bytes) -> bytes:
        """Drop what stands before the first boundary: it has no meaning, either."""
        place = 0 if start.startswith(self._delimiter) else start.find(b"\n" + self._delimiter)
        if place < 0:
            if len(start) > MAX_PREAMBLE_BYTES:
                raise InvalidRequestError("The body does not begin with its boundary.")
            self._preamble = start
            return b""
        self._preamble = None
        return start[place:].removeprefix(b"\n")

    def _add(self, kind: int, data: bytes = b"") -> None:
        # One chunk may hold several parts, so each event carries its part's own headers.
        self._events.append((kind, data, self._headers))

    def _on_part_begin(self) -> None:
        self._headers = {}

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._add(_DATA, data[start:end])

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        name = self._field.decode("latin-1").strip().lower()
        self._headers[name] = self._value.decode("latin-1").strip()
        self._field = self._value = b""

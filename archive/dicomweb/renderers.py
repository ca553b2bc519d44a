"""Answers: DICOM JSON, multipart/related, and the headers that go with images of people."""

from __future__ import annotations

import secrets
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from http import HTTPStatus

    from archive.retrieve.files import OutgoingFile

ResponseT = TypeVar("ResponseT", bound=HttpResponseBase)
DICOM_JSON = "application/dicom+json"
# Below this an answer is sent in one piece, which costs the server a third of a stream.
WHOLE_BYTES = 8 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
Chunk = bytes | memoryview


def dicom_json_response(content: bytes, status: HTTPStatus | int = 200) -> HttpResponse:
    """Answer with DICOM JSON."""
    return protected(HttpResponse(content, status=int(status), content_type=DICOM_JSON))


def protected(response: ResponseT) -> ResponseT:
    """Add the headers of everything that shows a patient: never sniffed, never shared."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
    return response


def multipart_response(
    parts: Iterable[tuple[str, Iterable[Chunk]]],
    inner: str,
    *,
    syntax: str = "",
    size_bytes: int | None = None,
    part_sizes: Iterable[tuple[str, int]] | None = None,
) -> HttpResponse | StreamingHttpResponse:
    """Send parts (content type, chunks) as multipart/related (RFC 2387).

    Streamed, unless ``size_bytes`` says that they are few bytes together. With ``part_sizes``
    (content type, length) of all of them the answer says its length.
    """
    boundary = f"twinsight-{secrets.token_hex(16)}"
    content_type = f'multipart/related; type="{inner}"; boundary={boundary}'
    if syntax:
        content_type += f"; transfer-syntax={syntax}"
    stream = _multipart(parts, boundary.encode())
    if size_bytes is not None and size_bytes <= WHOLE_BYTES:
        return protected(HttpResponse(b"".join(stream), content_type=content_type))
    response = StreamingHttpResponse(stream, content_type=content_type)
    if part_sizes is not None:
        response.headers["Content-Length"] = str(_length(part_sizes, boundary))
    return protected(response)


def _length(part_sizes: Iterable[tuple[str, int]], boundary: str) -> int:
    """Return the length of a whole body; the same as `_multipart` makes of such parts."""
    around = len(b"".join(_multipart([("", ())], boundary.encode())))
    closing = len(b"".join(_multipart([], boundary.encode())))
    return closing + sum(around - closing + len(kind) + size for kind, size in part_sizes)


def _multipart(parts: Iterable[tuple[str, Iterable[Chunk]]], boundary: bytes) -> Iterator[bytes]:
    """Put parts together in pieces of about a megabyte: few large writes, and little memory."""
    gathered: list[Chunk] = []
    size = 0
    for content_type, chunks in parts:
        head = b"--%b\r\nContent-Type: %b\r\n\r\n" % (boundary, content_type.encode("ascii"))
        for piece in chain((head,), chunks, (b"\r\n",)):
            gathered.append(piece)
            size += len(piece)
            if size >= PIECE_BYTES:
                yield b"".join(gathered)
                gathered, size = [], 0
    yield b"".join([*gathered, b"--%b--\r\n" % boundary])


def file_response(file: OutgoingFile, name: str) -> HttpResponse | StreamingHttpResponse:
    """Send one instance as a single part."""
    content_type = f"application/dicom; transfer-syntax={file.transfer_syntax_uid}"
    response: HttpResponse | StreamingHttpResponse
    if file.size_bytes <= WHOLE_BYTES:
        response = HttpResponse(b"".join(file.chunks), content_type=content_type)
    else:
        response = StreamingHttpResponse(file.chunks, content_type=content_type)
        response.headers["Content-Length"] = str(file.size_bytes)
    # Names are UIDs of the database: digits and dots.
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.dcm"'
    return protected(response)

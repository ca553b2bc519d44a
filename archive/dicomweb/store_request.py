"""A store's body: what was announced, and the instances in it as they arrive.

An instance is a file (``application/dicom``), or metadata (DICOM JSON, native XML) with its bulk
data in parts of their own; one alone needs no multipart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.http.request import UnreadablePostError

from archive.dicomweb.media_types import (
    DICOM,
    DICOM_JSON,
    DICOM_XML,
    MULTIPART,
    OCTET_STREAM,
    parse_media_type,
)
from archive.dicomweb.multipart import MultipartReader
from archive.dicomweb.store_metadata import MetadataBody
from archive.errors import InvalidInstanceError, InvalidRequestError, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpRequest

    from archive.dicomweb.store_metadata import Part, SentInstance
    from archive.ingest.deliveries import Delivery

READ_BYTES = 256 * 1024
_METADATA = (DICOM_JSON, DICOM_XML)


def deliver_body(request: HttpRequest, delivery: Delivery) -> None:
    """Hand each instance in the request's body to the delivery, as it comes (PS3.18 10.5.1).

    Raises
    ------
    InvalidRequestError
        The body is of another kind than this service takes, or malformed.
    LimitExceededError
        The body is larger than the archive takes at once.
    """
    kind, parts = store_parts(request)
    if kind not in _METADATA:
        for number, (headers, content) in enumerate(parts, start=1):
            _check_part(headers, number)
            delivery.take(headers.get("content-location", "") or f"part {number}", content)
        return
    with MetadataBody(kind) as body:
        body.take(parts)
        for sent in body.instances():
            _take(delivery, sent)


def _take(delivery: Delivery, sent: SentInstance) -> None:
    try:
        delivery.take(sent.sop_instance_uid, sent.chunks)
    except (InvalidInstanceError, InvalidRequestError, LimitExceededError) as error:
        # Found while the file was put together; its siblings are none the worse for it.
        delivery.refuse(
            sent.sop_instance_uid,
            error,
            sop_class_uid=sent.sop_class_uid,
            sop_instance_uid=sent.sop_instance_uid,
        )


def store_parts(request: HttpRequest) -> tuple[str, Iterator[Part]]:
    """Return the type of what is sent, and headers and bytes of each part.

    Raises
    ------
    InvalidRequestError
        The body is of another kind than this service takes, or malformed.
    LimitExceededError
        The body is larger than the archive takes at once.
    """
    if request.META.get("CONTENT_LENGTH") in {None, "", "0"} and not _is_chunked(request):
        raise InvalidRequestError("The request is empty.", code="empty")
    kind = parse_media_type(request.META.get("CONTENT_TYPE", ""))
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() != "identity":
        # An upload that unpacks itself has no honest size.
        raise _unsupported("Content-Encoding is not taken; send the instances as they are.")
    if kind.name in {DICOM, *_METADATA}:
        return kind.name, iter([({"content-type": kind.name}, _body(request))])
    if kind.name != MULTIPART:
        raise _unsupported('A store is multipart/related; type="application/dicom".')
    inner = kind.inner or DICOM
    if inner not in {DICOM, *_METADATA}:
        raise _unsupported(f"Parts of type {DICOM}, {DICOM_JSON} or {DICOM_XML} are taken.")
    reader = MultipartReader(_body(request), kind.parameters.get("boundary", ""))
    return inner, reader.parts()


def _check_part(headers: dict[str, str], number: int) -> None:
    part_type = parse_media_type(headers.get("content-type", DICOM)).name
    if part_type not in {DICOM, OCTET_STREAM}:
        raise _unsupported(f"Part {number} is not {DICOM}.")


def _body(request: HttpRequest) -> Iterator[bytes]:
    limit = settings.TWINSIGHT_MAX_UPLOAD_BYTES
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    return _limited(_reader(request, length), limit)


def _reader(request: HttpRequest, length: str) -> Callable[[int], bytes]:
    if length or not _is_chunked(request):
        return request.read
    # Django takes a body without a length for empty; a server that ends the input itself says so.
    stream = request.META.get("wsgi.input")
    if stream is None or not request.META.get("wsgi.input_terminated"):
        message = "This server needs a Content-Length."
        raise InvalidRequestError(message, code="length-required")
    return stream.read  # type: ignore[no-any-return]


def _is_chunked(request: HttpRequest) -> bool:
    return bool(request.META.get("HTTP_TRANSFER_ENCODING"))


def _limited(read: Callable[[int], bytes], limit: int) -> Iterator[bytes]:
    received = 0
    try:
        while chunk := read(READ_BYTES):
            received += len(chunk)
            if received > limit:
                raise _too_large(limit)
            yield chunk
    except (UnreadablePostError, OSError) as error:
        raise InvalidRequestError("The connection broke off.", code="truncated-body") from error


def _too_large(limit: int) -> LimitExceededError:
    return LimitExceededError(f"A request holds at most {limit} bytes.")


def _unsupported(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="unsupported-media-type")

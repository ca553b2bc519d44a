"""WADO-RS bulk data and pixel data (PS3.18 10.4.1.1.5 and 10.4.1.1.6)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.http import HttpResponse, StreamingHttpResponse

from archive.dicomweb.media_types import MULTIPART, OCTET_STREAM, Offer
from archive.dicomweb.ranges import UnsatisfiableRangeError, requested_range
from archive.dicomweb.renderers import WHOLE_BYTES, multipart_response, protected
from archive.dicomweb.views.answers import agreed, base_url, dicomweb_view, not_modified
from archive.dicomweb.views.retrieving import agreed_frames, frames_response
from archive.errors import NotVisibleError
from archive.retrieve.bulkdata import (
    bulk_paths,
    bulk_value,
    is_compressed_pixel_data,
    pixel_data_paths,
)
from archive.retrieve.files import available_instances
from archive.retrieve.frames import outgoing_frames, require_frame_syntax
from archive.retrieve.metadata import instance_path
from archive.retrieve.selectors import visible_instance, visible_instances
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.models import Instance
    from archive.retrieve.bulkdata import BulkValue

    Parts = Iterator[tuple[str, Iterable[bytes]]]

_BYTES = (Offer(MULTIPART, OCTET_STREAM), Offer(OCTET_STREAM))
_MANY = (Offer(MULTIPART, OCTET_STREAM),)


@dicomweb_view("GET")
def bulkdata(
    request: HttpRequest, study: str, series: str, instance: str, path: str
) -> HttpResponseBase:
    """Send a value that metadata points to; compressed pixel data goes out frame by frame."""
    found = visible_instance(request.user, study, series, instance)
    if is_compressed_pixel_data(found, path):
        numbers = _all_frames(found)
        choice, syntaxes = agreed_frames(request, found)
        outgoing = outgoing_frames(found, numbers, syntaxes)
        note_access(request.asker, study, "bulkdata")  # type: ignore[attr-defined]
        return frames_response(outgoing, choice, size_bytes=None)
    choice = agreed(request, _BYTES)
    etag = f'"{found.blob.sha256[:32]}-{path.upper()}-{choice.offer.name}"'
    unchanged = not_modified(request, etag)
    if unchanged is not None:
        return unchanged
    value = bulk_value(found, path)
    note_access(request.asker, study, "bulkdata")  # type: ignore[attr-defined]
    response = (
        multipart_response(
            [(OCTET_STREAM, value.chunks())], OCTET_STREAM, size_bytes=value.size_bytes
        )
        if choice.is_multipart
        else _single(request, value, etag)
    )
    response.headers["ETag"] = etag
    return response


def _single(request: HttpRequest, value: BulkValue, etag: str) -> HttpResponseBase:
    """Send the value, or the part of it that is asked for."""
    size = value.size_bytes
    try:
        wanted = requested_range(request, size, etag)
    except UnsatisfiableRangeError:
        response = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        response.headers["Content-Range"] = f"bytes */{size}"
        return protected(response)
    start, stop = wanted or (0, size)
    chunks = value.chunks(start, stop)
    made: HttpResponse | StreamingHttpResponse
    if stop - start <= WHOLE_BYTES:
        made = HttpResponse(b"".join(chunks), content_type=OCTET_STREAM)
    else:
        made = StreamingHttpResponse(chunks, content_type=OCTET_STREAM)
        made.headers["Content-Length"] = str(stop - start)
    made.headers["Accept-Ranges"] = "bytes"
    if wanted is not None:
        made.status_code = HTTPStatus.PARTIAL_CONTENT
        made.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return protected(made)


@dicomweb_view("GET")
def all_bulkdata(
    request: HttpRequest, study: str, series: str | None = None, instance: str | None = None
) -> HttpResponseBase:
    """Send every value that the metadata of the objects point to, each with its address."""
    return _many(request, (study, series, instance), bulk_paths)


@dicomweb_view("GET")
def pixeldata(
    request: HttpRequest, study: str, series: str | None = None, instance: str | None = None
) -> HttpResponseBase:
    """Send the pixel data of the objects, compressed ones frame by frame."""
    return _many(request, (study, series, instance), pixel_data_paths)


def _many(
    request: HttpRequest,
    path: tuple[str, str | None, str | None],
    paths_of: Callable[[Instance], list[str]],
) -> HttpResponseBase:
    choice = agreed(request, _MANY)
    study, series, instance = path
    found = visible_instances(
        request.user,
        study_instance_uid=study,
        series_instance_uid=series,
        sop_instance_uid=instance,
    )
    values = [(one, name) for one in available_instances(found) for name in paths_of(one)]
    if not values:
        raise NotVisibleError("There is no such value.")
    for one, name in values:
        if is_compressed_pixel_data(one, name):
            require_frame_syntax(one, choice.transfer_syntaxes)
    note_access(request.asker, study, "bulkdata")  # type: ignore[attr-defined]
    parts = _parts(values, base_url(request), choice.transfer_syntaxes)
    return multipart_response(parts, OCTET_STREAM)


def _parts(values: Sequence[tuple[Instance, str]], base: str, syntaxes: Sequence[str]) -> Parts:
    for instance, path in values:
        location = f"Content-Location: {base}{instance_path(instance)}/bulkdata/{path}"
        if not is_compressed_pixel_data(instance, path):
            yield f"{OCTET_STREAM}\r\n{location}", bulk_value(instance, path).chunks()
            continue
        outgoing = outgoing_frames(instance, _all_frames(instance), syntaxes)
        for frame in outgoing.frames:
            syntax = outgoing.transfer_syntax_uid
            yield f"{OCTET_STREAM}; transfer-syntax={syntax}\r\n{location}", [frame]


def _all_frames(instance: Instance) -> list[int]:
    return list(range(1, (instance.number_of_frames or 1) + 1))

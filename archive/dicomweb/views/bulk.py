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
from archive.errors import NotVisibleError, PixelDecodingError
from archive.retrieve.bulkdata import (
    PIXEL_DATA,
    bulk_paths,
    bulk_value,
    is_compressed_pixel_data,
    is_video_stream,
    pixel_data_paths,
    require_video_syntax,
    video_media_type,
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

    from archive.dicomweb.media_types import Choice
    from archive.models import Instance
    from archive.retrieve.bulkdata import BulkValue

    Parts = Iterator[tuple[str, Iterable[bytes]]]

_BYTES = (Offer(MULTIPART, OCTET_STREAM), Offer(OCTET_STREAM))
_MANY = (Offer(MULTIPART, OCTET_STREAM),)


@dicomweb_view("GET")
def bulkdata(
    request: HttpRequest, study: str, series: str, instance: str, path: str
) -> HttpResponseBase:
    """Send a value that metadata points to.

    Compressed pixel data goes out frame by frame, but a video as the one stream that it is.
    """
    found = visible_instance(request.user, study, series, instance)
    if is_compressed_pixel_data(found, path):
        numbers = _all_frames(found)
        choice, syntaxes = agreed_frames(request, found)
        outgoing = outgoing_frames(found, numbers, syntaxes)
        note_access(request.asker, study, "bulkdata")  # type: ignore[attr-defined]
        return frames_response(outgoing, choice, size_bytes=None)
    if is_video_stream(found, path):
        return video_response(request, found, agreed(request, (*_BYTES, *video_offers(found))))
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


def video_offers(instance: Instance) -> tuple[Offer, Offer]:
    """Return what a video's stream can be had as, alone or as a part."""
    kind = video_media_type(instance)
    return Offer(kind), Offer(MULTIPART, kind)


def video_response(request: HttpRequest, instance: Instance, choice: Choice) -> HttpResponseBase:
    """Send a video's stream, whole or in ranges, as it is stored."""
    require_video_syntax(instance, choice.transfer_syntaxes)
    kind = choice.offer.inner or choice.offer.name
    etag = f'"{instance.blob.sha256[:32]}-{choice.offer.name}-{kind}"'
    unchanged = not_modified(request, etag)
    if unchanged is not None:
        return unchanged
    value = bulk_value(instance, PIXEL_DATA)
    study = instance.series.study.study_instance_uid
    note_access(request.asker, study, "bulkdata")  # type: ignore[attr-defined]
    part_type = f"{kind}; transfer-syntax={instance.transfer_syntax_uid}"
    response = (
        multipart_response([(part_type, value.chunks())], kind, size_bytes=value.size_bytes)
        if choice.is_multipart
        else _single(request, value, etag, kind)
    )
    response.headers["ETag"] = etag
    return response


def _single(
    request: HttpRequest, value: BulkValue, etag: str, media_type: str = OCTET_STREAM
) -> HttpResponseBase:
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
        made = HttpResponse(b"".join(chunks), content_type=media_type)
    else:
        made = StreamingHttpResponse(chunks, content_type=media_type)
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
        elif is_video_stream(one, name):
            require_video_syntax(one, choice.transfer_syntaxes)
    note_access(request.asker, study, "bulkdata")  # type: ignore[attr-defined]
    parts = _parts(values, base_url(request), choice.transfer_syntaxes)
    return multipart_response(parts, OCTET_STREAM)


def _parts(values: Sequence[tuple[Instance, str]], base: str, syntaxes: Sequence[str]) -> Parts:
    for instance, path in values:
        location = f"Content-Location: {base}{instance_path(instance)}/bulkdata/{path}"
        if not is_compressed_pixel_data(instance, path):
            kind = OCTET_STREAM
            if is_video_stream(instance, path):
                kind += f"; transfer-syntax={instance.transfer_syntax_uid}"
            yield f"{kind}\r\n{location}", bulk_value(instance, path).chunks()
            continue
        try:
            outgoing = outgoing_frames(instance, _all_frames(instance), syntaxes)
        except PixelDecodingError:
            # One damaged image among others goes out as stored, and says so.
            outgoing = outgoing_frames(instance, _all_frames(instance), ("*",))
        for frame in outgoing.frames:
            syntax = outgoing.transfer_syntax_uid
            yield f"{OCTET_STREAM}; transfer-syntax={syntax}\r\n{location}", [frame]


def _all_frames(instance: Instance) -> list[int]:
    return list(range(1, (instance.number_of_frames or 1) + 1))

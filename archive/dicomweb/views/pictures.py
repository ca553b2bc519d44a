"""WADO-RS rendered resources and thumbnails (PS3.18 10.4.1.1.3 and 10.4.1.1.4)."""

from __future__ import annotations

import logging
from itertools import chain
from typing import TYPE_CHECKING

from django.http import HttpResponse

from archive.dicomweb.media_types import MULTIPART, Offer
from archive.dicomweb.parsers import PICTURE_TYPES, parse_frame_numbers, parse_rendering
from archive.dicomweb.renderers import multipart_response, protected
from archive.dicomweb.views.answers import agreed, dicomweb_view, not_modified
from archive.dicomweb.views.bulk import video_offers, video_response
from archive.errors import (
    ArchiveError,
    BlobMissingError,
    NotAcceptableError,
    NotVisibleError,
    PixelDecodingError,
)
from archive.retrieve.bulkdata import PIXEL_DATA, is_video_stream
from archive.retrieve.documents import PDF, document_types, rendered_document
from archive.retrieve.frames import check_frame_numbers
from archive.retrieve.rendering import (
    THUMBNAIL_SIDE,
    middle_frame,
    picture_mark,
    rendered_frame,
    representative_of_series,
    representative_of_study,
)
from archive.retrieve.selectors import (
    visible_instance,
    visible_instances,
    visible_series,
    visible_study,
)
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.models import Instance
    from archive.retrieve.rendering import Rendering

logger = logging.getLogger(__name__)

_SINGLE = tuple(Offer(name) for name in PICTURE_TYPES)
_MANY = tuple(Offer(MULTIPART, name) for name in PICTURE_TYPES)


@dicomweb_view("GET")
def rendered(
    request: HttpRequest,
    study: str,
    series: str | None = None,
    instance: str | None = None,
    numbers: str | None = None,
) -> HttpResponseBase:
    """Render frames: one as a picture, those of several instances or frames as multipart."""
    if series is None or instance is None:
        return _rendered_many(request, study, series)
    found = visible_instance(request.user, study, series, instance)
    if is_video_stream(found, PIXEL_DATA) and numbers is None:
        return video_response(request, found, agreed(request, video_offers(found)))
    if not found.has_pixel_data and numbers is None:
        offers = [Offer(name) for name in document_types(found)]
        if not offers:
            raise NotAcceptableError("The instance is no image.", code="no-image")
        return document_response(request, found, agreed(request, offers).offer.name)
    wanted = parse_frame_numbers(numbers) if numbers is not None else [middle_frame(found)]
    if not found.has_pixel_data:
        raise NotAcceptableError("The instance is no image.", code="no-image")
    check_frame_numbers(found, wanted)
    if len(wanted) > 1:
        return _multipart(request, study, [(found, number) for number in wanted])
    return _picture(request, study, found, wanted[0], default_side=None)


def document_response(
    request: HttpRequest, instance: Instance, media_type: str
) -> HttpResponseBase:
    """Show what holds no pictures: a report as text, an encapsulated document as itself."""
    content = rendered_document(instance, media_type)
    study = instance.series.study.study_instance_uid
    note_access(request.asker, study, "rendered")  # type: ignore[attr-defined]
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    response = protected(HttpResponse(content, content_type=media_type + charset))
    # Whatever a report or document holds, it runs nothing and loads nothing here.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    if media_type == PDF:
        name = f"{instance.sop_instance_uid}.pdf"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _rendered_many(request: HttpRequest, study: str, series: str | None) -> HttpResponseBase:
    instances = visible_instances(
        request.user, study_instance_uid=study, series_instance_uid=series
    )
    images = [
        (instance, number)
        for instance in instances
        # A video's frames can't be told apart.
        if instance.has_pixel_data and not is_video_stream(instance, PIXEL_DATA)
        for number in range(1, (instance.number_of_frames or 1) + 1)
    ]
    if not images:
        raise NotAcceptableError("There is no image.", code="no-image")
    return _multipart(request, study, images)


@dicomweb_view("GET")
def thumbnail(
    request: HttpRequest,
    study: str,
    series: str | None = None,
    instance: str | None = None,
    numbers: str | None = None,
) -> HttpResponseBase:
    """Give a small picture that stands for a study, series, instance or frame."""
    found = _representative(request, study, series, instance)
    number = parse_frame_numbers(numbers)[0] if numbers is not None else middle_frame(found)
    return _picture(request, study, found, number, default_side=THUMBNAIL_SIDE)


def _representative(
    request: HttpRequest, study: str, series: str | None, instance: str | None
) -> Instance:
    try:
        if series is None:
            return representative_of_study(visible_study(request.user, study))
        if instance is None:
            return representative_of_series(visible_series(request.user, study, series).pk)
    except NotAcceptableError as error:
        # A page shows its own sign where there is no picture.
        raise NotVisibleError(error.message, code=error.code) from error
    return visible_instance(request.user, study, series, instance)


def _picture(
    request: HttpRequest,
    study: str,
    instance: Instance,
    number: int,
    *,
    default_side: int | None,
) -> HttpResponseBase:
    choice = agreed(request, _SINGLE)
    rendering = parse_rendering(request.GET, choice.offer.name, default_side=default_side)
    etag = f'"{instance.blob.sha256[:32]}-{number}-{picture_mark(instance, rendering)}"'
    unchanged = not_modified(request, etag)
    if unchanged is not None:
        return unchanged
    content = rendered_frame(instance, number, rendering)
    note_access(request.asker, study, "rendered")  # type: ignore[attr-defined]
    response = protected(HttpResponse(content, content_type=choice.offer.name))
    response.headers["ETag"] = etag
    return response


def _multipart(
    request: HttpRequest, study: str, images: list[tuple[Instance, int]]
) -> HttpResponseBase:
    choice = agreed(request, _MANY)
    rendering = parse_rendering(request.GET, choice.offer.inner)
    # The first is made while the answer can still be an error.
    pictures = _pictures(images, rendering)
    first = next(pictures)
    note_access(request.asker, study, "rendered")  # type: ignore[attr-defined]
    media_type = choice.offer.inner
    parts = ((media_type, [picture]) for picture in chain((first,), pictures))
    return multipart_response(parts, media_type)


def _pictures(images: list[tuple[Instance, int]], rendering: Rendering) -> Iterator[bytes]:
    """Render one after another; what can't be is left out, unless that is all of them."""
    refusal: ArchiveError | None = None
    has_any = False
    for instance, number in images:
        try:
            picture = rendered_frame(instance, number, rendering)
        except (PixelDecodingError, BlobMissingError) as error:
            refusal = refusal or error
            logger.warning("frame not rendered", extra={"code": error.code})
            continue
        has_any = True
        yield picture
    if refusal is not None and not has_any:
        raise refusal

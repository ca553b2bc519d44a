"""WADO-URI (PS3.18 9): one object by query keys, for older viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

from archive.dicom.uids import is_valid_uid
from archive.dicomweb.media_types import DICOM, Choice, Offer, choose
from archive.dicomweb.parsers import PICTURE_TYPES, parse_frame_numbers, parse_wado_rendering
from archive.dicomweb.renderers import file_response, protected
from archive.dicomweb.views.answers import dicomweb_view, not_modified
from archive.dicomweb.views.bulk import video_response
from archive.dicomweb.views.pictures import document_response
from archive.errors import InvalidRequestError
from archive.retrieve.bulkdata import PIXEL_DATA, is_video_stream, video_media_type
from archive.retrieve.documents import document_types
from archive.retrieve.files import outgoing_file
from archive.retrieve.rendering import middle_frame, picture_mark, rendered_frame
from archive.retrieve.selectors import visible_instance
from archive.retrieve.trail import note_access, note_transfer

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.models import Instance

_UIDS = ("studyUID", "seriesUID", "objectUID")
# Patients are de-identified when copies are made, not on the way out (PS3.18 9.1.2.1.4).
_NOT_HERE = ("anonymize", "presentationUID", "presentationSeriesUID")


@dicomweb_view("GET")
def wado(request: HttpRequest) -> HttpResponseBase:
    """Send the object as a picture, as a document or as a file, by contentType."""
    study, series, instance = _asked_for(request)
    found = visible_instance(request.user, study, series, instance)
    wanted = _content_type(request, found)
    if wanted == DICOM:
        return _file(request, found)
    if is_video_stream(found, PIXEL_DATA):
        return video_response(request, found, Choice(Offer(wanted)))
    if wanted not in PICTURE_TYPES:
        return document_response(request, found, wanted)
    text = request.GET.get("frameNumber")
    number = parse_frame_numbers(text)[0] if text else middle_frame(found)
    rendering = parse_wado_rendering(request.GET, wanted)
    etag = f'"{found.blob.sha256[:32]}-{number}-{picture_mark(found, rendering)}"'
    unchanged = not_modified(request, etag)
    if unchanged is not None:
        return unchanged
    picture = rendered_frame(found, number, rendering)
    note_access(request.asker, study, "rendered")  # type: ignore[attr-defined]
    response = protected(HttpResponse(picture, content_type=wanted))
    response.headers["ETag"] = etag
    return response


def _asked_for(request: HttpRequest) -> tuple[str, str, str]:
    if request.GET.get("requestType") != "WADO":
        raise InvalidRequestError("requestType must be WADO.")
    missing = [name for name in _UIDS if not request.GET.get(name)]
    if missing:
        raise InvalidRequestError(f"{', '.join(missing)} must be given.")
    unsupported = [name for name in _NOT_HERE if request.GET.get(name)]
    if unsupported:
        raise InvalidRequestError(f"{', '.join(unsupported)} is not supported.")
    study, series, instance = (request.GET[name] for name in _UIDS)
    return study, series, instance


def _file(request: HttpRequest, instance: Instance) -> HttpResponseBase:
    syntax = request.GET.get("transferSyntax", "").strip()
    if syntax and syntax != "*" and not is_valid_uid(syntax):
        raise InvalidRequestError("transferSyntax is a UID.")
    file = outgoing_file(instance, (syntax,) if syntax else ())
    note_transfer(request.asker, [instance])  # type: ignore[attr-defined]
    return file_response(file, instance.sop_instance_uid)


def _content_type(request: HttpRequest, instance: Instance) -> str:
    """Choose the best of what can be made; a picture or text where nothing is asked for."""
    shown = PICTURE_TYPES if instance.has_pixel_data else document_types(instance)
    if is_video_stream(instance, PIXEL_DATA):
        shown = (video_media_type(instance),)
    offers = [Offer(name) for name in (*shown, DICOM)]
    asked = request.GET.get("contentType") or None
    header = None if asked else request.META.get("HTTP_ACCEPT")
    return choose(asked, header, offers).offer.name

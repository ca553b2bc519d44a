"""WADO-URI (PS3.18 9): one object by query keys, for older viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

from archive.dicomweb.media_types import DICOM, parse_accept
from archive.dicomweb.parsers import PICTURE_TYPES, parse_frame_numbers, parse_wado_rendering
from archive.dicomweb.renderers import file_response, protected
from archive.dicomweb.views.answers import dicomweb_view
from archive.errors import InvalidRequestError, NotAcceptableError
from archive.retrieve.files import outgoing_file
from archive.retrieve.rendering import middle_frame, rendered_frame
from archive.retrieve.selectors import visible_instance
from archive.retrieve.trail import note_access, note_transfer

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.models import Instance

_UIDS = ("studyUID", "seriesUID", "objectUID")


@dicomweb_view("GET")
def wado(request: HttpRequest) -> HttpResponseBase:
    """Send the object as a picture or as a file, by contentType."""
    if request.GET.get("requestType") != "WADO":
        raise InvalidRequestError("requestType must be WADO.")
    missing = [name for name in _UIDS if not request.GET.get(name)]
    if missing:
        raise InvalidRequestError(f"{', '.join(missing)} must be given.")
    study, series, instance = (request.GET[name] for name in _UIDS)
    found = visible_instance(request.user, study, series, instance)
    wanted = _content_type(request, found)
    if wanted == DICOM:
        syntax = request.GET.get("transferSyntax")
        file = outgoing_file(found, (syntax,) if syntax else ())
        note_transfer(request.asker, [found])  # type: ignore[attr-defined]
        return file_response(file, found.sop_instance_uid)
    text = request.GET.get("frameNumber")
    number = parse_frame_numbers(text)[0] if text else middle_frame(found)
    picture = rendered_frame(found, number, parse_wado_rendering(request.GET, wanted))
    note_access(request.asker, study, "rendered")  # type: ignore[attr-defined]
    return protected(HttpResponse(picture, content_type=wanted))


def _content_type(request: HttpRequest, instance: Instance) -> str:
    """Choose the first type that can be made; a picture where nothing is asked for."""
    text = request.GET.get("contentType")
    offered = (*PICTURE_TYPES, DICOM) if instance.has_pixel_data else (DICOM,)
    if not text:
        return offered[0]
    for accepted in parse_accept(text):
        for name in offered:
            if accepted.name in {name, "*/*", f"{name.partition('/')[0]}/*"}:
                return name
    raise NotAcceptableError(f"This can be had as {', '.join(offered)}.")

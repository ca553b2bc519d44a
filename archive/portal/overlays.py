"""What the viewer draws over a series: segmentations and maps, as its script reads them."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseNotModified, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.errors import ArchiveError, NotAllowedError, NotVisibleError
from archive.portal.presentation import structure_name
from archive.portal.statuses import speaks_html
from archive.retrieve.overlays import drawn_overlay, overlays_of_series, series_drawn_on
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from django.http import HttpRequest

    from archive.retrieve.overlays import OverlayInfo

_CACHE = "private, max-age=0, must-revalidate"


@require_safe
@speaks_html
def series_overlays(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponse:
    """List what can be drawn over a series."""
    found = overlays_of_series(request.user, study_uid, series_uid)
    path = (study_uid, series_uid)
    return JsonResponse({"overlays": [_listed(one, path) for one in found]})


def _listed(overlay: OverlayInfo, path: tuple[str, str]) -> dict[str, object]:
    return {
        "uid": overlay.instance_uid,
        "title": overlay.title,
        "is_map": overlay.is_map,
        "is_automatic": overlay.is_automatic,
        "url": reverse("portal:series-overlay", args=(*path, overlay.instance_uid)),
        "segments": [
            {"number": one.number, "label": structure_name(one.label), "colour": one.colour}
            for one in overlay.segments
        ],
    }


@require_safe
@speaks_html
def on_images(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponse:
    """Lead from a segmentation or map to the images that it was drawn on."""
    images = series_drawn_on(request.user, study_uid, series_uid)
    return redirect("portal:series-view", study_uid, images)


@require_safe
@speaks_html
def series_overlay(
    request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str
) -> HttpResponse:
    """Give one of them; what can't be drawn is said in the answer."""
    try:
        drawn = drawn_overlay(request.user, study_uid, series_uid, instance_uid)
    except (NotVisibleError, NotAllowedError):
        raise
    except ArchiveError as error:
        return JsonResponse({"detail": error.message}, status=422)
    note_access(asker_of(request), study_uid, "rendered")
    if request.headers.get("If-None-Match") == drawn.etag:
        return HttpResponseNotModified(headers={"ETag": drawn.etag, "Cache-Control": _CACHE})
    response = HttpResponse(drawn.content, content_type="application/octet-stream")
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        packer = zlib.compressobj(level=1, wbits=31)
        response.content = packer.compress(drawn.content) + packer.flush()
        response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ["Accept-Encoding"])
    response["ETag"] = drawn.etag
    response["Cache-Control"] = _CACHE
    return response

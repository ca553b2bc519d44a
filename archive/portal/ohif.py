"""OHIF under /viewer/, with the portal's login, on this archive's own DICOMweb."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from django.http import FileResponse, HttpResponse, HttpResponseNotModified
from django.http.response import Http404
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from archive.access.selectors import is_radiology_admin
from archive.errors import NotVisibleError
from archive.portal.viewer_config import config_script
from archive.portal.viewer_files import installed_viewer
from archive.query.study_overview import study_overview

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.portal.viewer_files import ViewerFile

# What OHIF needs, on its own path only: codecs in WebAssembly, workers, styles in elements.
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'{}; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self' blob: data:; font-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
PAGE_POLICY = _POLICY.format("")
# A script's own policy counts where it is a worker: those of the codecs make their callbacks
# from text. A worker has no page, and no cookies to read.
SCRIPT_POLICY = _POLICY.format(" 'unsafe-eval'")
_DAY_S = 86_400


@require_safe
def ohif(request: HttpRequest, rest: str = "") -> HttpResponseBase:
    """Serve a file of the viewer, or its page for every path of its own."""
    viewer = installed_viewer()
    if viewer is None:
        return _without_ohif(request)
    file = viewer.file(rest)
    if file is None and "." in rest.rpartition("/")[2]:
        raise Http404("The viewer has no such file.")
    return _isolated(_answer(request, file or viewer.file("index.html")))


@require_safe
def ohif_config(_request: HttpRequest) -> HttpResponseBase:
    """Tell the viewer where this archive's DICOMweb is."""
    script = config_script(
        dicom_web=reverse("dicomweb:studies").removesuffix("/studies"),
        wado_uri=reverse("wado"),
        basename=reverse("portal:ohif").rstrip("/"),
        portal=reverse("portal:study-list"),
        login=reverse("portal:login"),
    )
    return _isolated(HttpResponse(script, content_type="text/javascript; charset=utf-8"))


def _answer(request: HttpRequest, file: ViewerFile | None) -> HttpResponseBase:
    if file is None:
        raise Http404("The viewer has no such file.")
    if request.headers.get("If-None-Match") == file.etag:
        return HttpResponseNotModified(headers={"ETag": file.etag})
    sends_compressed = file.is_compressed and "gzip" in request.headers.get("Accept-Encoding", "")
    path = file.path.with_name(f"{file.path.name}.gz") if sends_compressed else file.path
    try:
        content = path.open("rb")
    except OSError as error:
        raise Http404("The viewer has no such file.") from error
    kind = mimetypes.guess_type(file.path.name)[0] or "application/octet-stream"
    response = FileResponse(content, content_type=kind)
    if sends_compressed:
        response["Content-Encoding"] = "gzip"
    response["ETag"] = file.etag
    response["Cache-Control"] = f"private, max-age={_DAY_S}" if file.is_hashed else "no-cache"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def _isolated(response: HttpResponseBase) -> HttpResponseBase:
    """Add the headers of OHIF's path."""
    is_script = "javascript" in response.headers.get("Content-Type", "")
    response["Content-Security-Policy"] = SCRIPT_POLICY if is_script else PAGE_POLICY
    response["Cross-Origin-Embedder-Policy"] = "require-corp"
    return response


def _without_ohif(request: HttpRequest) -> HttpResponse:
    """Lead to the built-in viewer, and say how OHIF is added."""
    study_uid = request.GET.get("StudyInstanceUIDs", "").split(",")[0]
    context = {"is_admin": is_radiology_admin(request.user), "study_uid": "", "series_uid": ""}
    try:
        overview = study_overview(request.user, study_uid)
    except NotVisibleError:
        return render(request, "portal/ohif_missing.html", context, status=404)
    context["study_uid"] = study_uid
    if overview.pictures:
        context["series_uid"] = overview.pictures[0].series_uid
    return render(request, "portal/ohif_missing.html", context, status=404)

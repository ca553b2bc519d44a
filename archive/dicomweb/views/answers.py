"""What all DICOMweb views share: errors as answers, addresses, agreement on media types."""

from __future__ import annotations

import functools
import json
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils.cache import get_conditional_response

from archive.access.problems import RETRY_AFTER_S
from archive.dicomweb.capabilities import resources_under
from archive.dicomweb.gone import as_gone
from archive.dicomweb.media_types import JSON, Choice, Offer, choose
from archive.dicomweb.renderers import protected
from archive.dicomweb.statuses import http_status
from archive.dicomweb.wadl import WADL_JSON, WADL_XML, wadl_json, wadl_xml
from archive.errors import ArchiveError, StorageError
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    View = Callable[..., HttpResponseBase]

logger = logging.getLogger(__name__)

_CAPABILITIES = (Offer(WADL_XML), Offer(WADL_JSON), Offer(JSON))
_ROOT = "dicom-web/"
_CONVERTER = re.compile(r"<\w+:(\w+)>")
_PORT = re.compile(r":\d+$")
_PROXY_HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_VIA",
)


def dicomweb_view(*methods: str) -> Callable[[View], View]:
    """Take the methods, and answer the archive's errors with their statuses."""
    allowed = ("OPTIONS", *(("GET", "HEAD") if "GET" in methods else ()), *methods)

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in allowed:
                return HttpResponseNotAllowed(list(dict.fromkeys(allowed)))
            try:
                if request.method == "OPTIONS":
                    return capabilities(request, allowed)
                return view(request, *args, **kwargs)
            except ArchiveError as error:
                return error_response(as_gone(error, request.user, kwargs))
            except (OperationalError, InterfaceError):
                logger.exception("database not reachable")
                message = "The archive's database can't be reached; try again."
                return error_response(StorageError(message, code="database-unavailable"))

        return answer

    return wrap


def capabilities(request: HttpRequest, allowed: Iterable[str]) -> HttpResponse:
    """Answer what can be done at a path and below it (PS3.18 8.9)."""
    name = agreed(request, _CAPABILITIES).offer.name
    route = request.resolver_match.route if request.resolver_match else ""
    path = _CONVERTER.sub(r"{\1}", route.removeprefix(_ROOT))
    write = wadl_xml if name == WADL_XML else wadl_json
    content = write(resources_under(path), base_url(request))
    response = protected(HttpResponse(content, content_type=name))
    response.headers["Allow"] = ", ".join(dict.fromkeys(allowed))
    return response


def error_response(error: ArchiveError) -> HttpResponse:
    """Answer an error as a problem document (RFC 9457)."""
    status = http_status(error)
    problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": error.message,
        "code": error.code,
    }
    content = json.dumps(problem)
    response = HttpResponse(content, status=status, content_type="application/problem+json")
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request failed", extra={"code": error.code})
    return protected(response)


def base_url(request: HttpRequest) -> str:
    """Address of the DICOMweb service, without a slash at its end."""
    path = _root()
    host = request.get_host()
    port = str(request.META.get("SERVER_PORT") or "")
    # dicomweb-client leaves the port out of its Host header; who speaks to us without a proxy
    # between can only have come by the port that we listen on.
    if not (_PORT.search(host) or port in {"", "80", "443"} or _is_proxied(request)):
        host = f"{host}:{port}"
    return f"{request.scheme}://{host}{path}"


@functools.cache
def _root() -> str:
    return reverse("dicomweb:studies").removesuffix("/studies")


def _is_proxied(request: HttpRequest) -> bool:
    return any(name in request.META for name in _PROXY_HEADERS)


def agreed(request: HttpRequest, offers: Sequence[Offer]) -> Choice:
    """Agree on what to send, by the accept key of the query and the Accept header."""
    return choose(request.GET.get("accept"), request.META.get("HTTP_ACCEPT"), offers)


def not_modified(request: HttpRequest, etag: str) -> HttpResponse | None:
    """Answer 304 where the asker has this already; rights were checked before.

    They look at it again, which is recorded as every look.
    """
    response = get_conditional_response(request, etag=etag)
    if not isinstance(response, HttpResponse):
        return None
    match = request.resolver_match
    study = (match.kwargs.get("study") if match else None) or request.GET.get("studyUID", "")
    note_access(request.asker, study, "unchanged")  # type: ignore[attr-defined]
    return response

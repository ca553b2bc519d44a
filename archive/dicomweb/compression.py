"""Answers compressed on their way: text that says the same of every slice shrinks twentyfold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.utils.cache import patch_vary_headers

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

# Below this the header costs more than is won.
LEAST_BYTES = 1024
_GZIP = re.compile(
    r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?(?=,|$)", re.IGNORECASE
)


def accepts_gzip(request: HttpRequest) -> bool:
    """Whether the asker takes gzip, by its weight (RFC 9110 12.5.3)."""
    found = _GZIP.search(request.META.get("HTTP_ACCEPT_ENCODING", ""))
    return found is not None and float(found[1] or 1) > 0


def compressed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Compress an answer that is text, where the asker takes it and it is worth it."""
    patch_vary_headers(response, ["Accept-Encoding"])
    if len(response.content) < LEAST_BYTES or not accepts_gzip(request):
        return response
    from imagecodecs import gzip_encode  # noqa: PLC0415 loaded when somebody takes it

    response.content = bytes(gzip_encode(response.content, level=1))
    response.headers["Content-Encoding"] = "gzip"
    return response

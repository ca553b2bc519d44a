"""Pages whose frame is sent before what takes time, so that people see at once where they are.

A browser that opens a page gets its head and bar first: it fetches styles and paints them while the
archive is still asked for the rest. Nothing that is searched for is in the frame (a banner names
the patient of the asker's own emergency), and the rest is made, and put on record, before its first
byte. The status travels with the frame, so a view asks whatever may refuse the page before. Who
only reads the answer, programs and parts of pages, gets it whole.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language, override

from archive.access.selectors import rights_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    Rest = Callable[[], Mapping[str, Any]]

logger = logging.getLogger(__name__)


def render_frame_first(request: HttpRequest, template: str, rest: Rest) -> HttpResponseBase:
    """Answer with a page, its frame first where a browser opens it.

    Parameters
    ----------
    request
        whose rights are asked already as far as they decide whether there is a page
    template
        of the page, which extends `base.html`; its title and styles use nothing of ``rest``
    rest
        returns the context of what lies in the frame
    """
    if request.method != "GET" or request.headers.get("Sec-Fetch-Mode") != "navigate":
        return render(request, template, rest())
    # Messages and the CSRF token are used up here, as long as there are headers to say so.
    frame = render_to_string(template, {"is_frame": True}, request)
    response = StreamingHttpResponse(_parts(request, template, frame, rest))
    # Some proxies would keep the frame until the rest is there.
    response["X-Accel-Buffering"] = "no"
    return response


def _parts(request: HttpRequest, template: str, frame: str, rest: Rest) -> Iterator[str]:
    language = get_language() or "en"
    yield frame
    with override(language), rights_kept():
        whole = _made(request, template, rest)
    yield whole


def _made(request: HttpRequest, template: str, rest: Rest) -> str:
    try:
        return render_to_string(template, {**rest(), "is_rest": True}, request)
    except Exception:
        # The status is said already: the page says the rest, and the log what it was.
        logger.exception("a page broke off behind its frame", extra={"path": request.path})
        return render_to_string("portal/broken_off.html", {"is_rest": True}, request)

"""What is answered where nobody caught an error: to programs in their form, to people on a page."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError
from django.shortcuts import render

from archive.access.middleware import is_program_path
from archive.access.problems import RETRY_AFTER_S, refuse

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def failed(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database can't be reached, and 500 for whatever else went wrong.

    Also for what fails before any view is asked, such as the look at a token or a session.

    Parameters
    ----------
    request
        during whose work the error that is being handled came up

    References
    ----------
    ``handler500`` of Django's URL configuration; RFC 9110 15.6.4, 10.2.3
    """
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        response = _unreachable(request)
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    else:
        response = _broken(request)
    response.headers["Cache-Control"] = "no-store"
    return response


def _unreachable(request: HttpRequest) -> HttpResponse:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    if is_program_path(request.path):
        detail = "The archive's database can't be reached; try again."
        return refuse(status, code="database-unavailable", detail=detail)
    # The address as it is asks for a page once more; what was sent to it is not sent again.
    is_read = request.method in {"GET", "HEAD"}
    return render(None, "503.html", {"is_read": is_read}, status=int(status))


def _broken(request: HttpRequest) -> HttpResponse:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    if is_program_path(request.path):
        detail = "Something failed in the archive; the error is in its log."
        return refuse(status, code="internal-error", detail=detail)
    return render(None, "500.html", status=int(status))

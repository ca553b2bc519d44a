"""Whatever is refused below /fhir/ is an OperationOutcome, whoever refused it."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from archive.fhir.answers import FHIR_JSON, json_answer, outcome
from archive.fhir.statuses import ISSUES

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

_PREFIX = "/fhir/"
_KEPT = ("Allow", "Cache-Control", "Content-Security-Policy", "Retry-After", "WWW-Authenticate")


class OutcomesMiddleware:
    """Say in FHIR's words what credentials, forged requests, limits and failures are answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Put an outcome in the place of an error that has another form."""
        response = self.get_response(request)
        if response.status_code < 400 or not request.path.startswith(_PREFIX):
            return response
        if response.headers.get("Content-Type", "").startswith(FHIR_JSON):
            return response
        status = HTTPStatus(response.status_code)
        answer = json_answer(
            outcome(ISSUES.get(status, _kind(status)), _detail(response) or status.phrase),
            status=status,
        )
        for name in _KEPT:
            if name in response.headers:
                answer[name] = response.headers[name]
        return answer


def _kind(status: HTTPStatus) -> str:
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        return "throttled"
    return "processing" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "exception"


def _detail(response: HttpResponseBase) -> str:
    """Return what a problem document says; pages are for people."""
    if "json" not in response.headers.get("Content-Type", ""):
        return ""
    try:
        return str(json.loads(getattr(response, "content", b""))["detail"])
    except (ValueError, KeyError, TypeError):
        return ""

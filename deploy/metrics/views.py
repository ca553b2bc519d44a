"""`/metrics` in Prometheus' text format: for this machine, and for tokens made for it."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from archive.access.middleware import unauthorized
from archive.access.problems import refuse
from deploy.metrics.collecting import ArchiveCollector
from deploy.metrics.requests import requests_text

if TYPE_CHECKING:
    from django.http import HttpRequest

SCOPE = "metrics"
# Whoever sends one of them is passed on by a proxy, from somewhere else.
_PASSED_ON = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA")


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Show the figures to this machine itself, and to a token with the scope ``metrics``."""
    token = getattr(request, "token", None)
    if token is None and not is_this_machine(request):
        return unauthorized("Send a token with the scope 'metrics'.")
    if token is not None and SCOPE not in token.scopes:
        detail = "This token lacks the scope 'metrics'."
        return refuse(HTTPStatus.FORBIDDEN, code="scope-missing", detail=detail)
    return HttpResponse(requests_text() + _archive(), content_type=CONTENT_TYPE_LATEST)


def is_this_machine(request: HttpRequest) -> bool:
    """Whether the request comes from this machine, and not through a proxy on it."""
    if any(name in request.META for name in _PASSED_ON):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _archive() -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ArchiveCollector())
    return generate_latest(registry)

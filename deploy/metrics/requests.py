"""Requests counted and timed where they come in; several web processes count together.

The processes of one program share a folder of small mapped files (``PROMETHEUS_MULTIPROC_DIR``,
set and emptied by `up`); without one each process tells of itself alone.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    GetResponse = Callable[[HttpRequest], HttpResponseBase]

_DOORS = {
    "dicom-web": "dicomweb",
    "wado": "dicomweb",
    "api": "api",
    "fhir": "fhir",
    "oauth": "oauth",
    "static": "static",
    "viewer": "viewer",
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter(
    "twinsight_http_requests_total",
    "Requests answered, by view, method and status.",
    ["view", "method", "status"],
)
SECONDS = Histogram(
    "twinsight_http_request_seconds",
    "Time from a request to the head of its answer, by door.",
    ["door", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)


class MetricsMiddleware:
    """Count and time every request; the outermost of all."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Note what became of the request; no path, and so no identifier, is in any label."""
        began = time.perf_counter()
        response = self.get_response(request)
        took = time.perf_counter() - began
        method = request.method if request.method in _METHODS else "other"
        match = request.resolver_match
        view = (match.view_name if match else "") or "none"
        _counter(view, method, response.status_code).inc()
        _histogram(_door(request.path), method).observe(took)
        return response


# Finding a child takes longer than counting with it; there are as many as views and statuses.
@cache
def _counter(view: str, method: str, status: int) -> Counter:
    return REQUESTS.labels(view, method, str(status))


@cache
def _histogram(door: str, method: str) -> Histogram:
    return SECONDS.labels(door, method)


def _door(path: str) -> str:
    return _DOORS.get(path.split("/", 2)[1] if "/" in path else path, "portal")


def requests_text() -> bytes:
    """Return what all processes of the program counted, as Prometheus reads it."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # its own
    return generate_latest(together)

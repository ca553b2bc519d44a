"""Alive, and ready: what a load balancer and `up` ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import connection
from django.http import JsonResponse

from archive.ingest.scanning import virus_scanner
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    # Itself: what stands in for it would always answer.
    cache.ping()  # type: ignore[attr-defined]


def _storage() -> None:
    blob_store().check()


def _scanner() -> None:
    if (scanner := virus_scanner()) is not None:
        scanner.check()


_CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "broker": _broker,
    "storage": _storage,
    "scanner": _scanner,
}


def _checks() -> dict[str, Callable[[], None]]:
    return {name: check for name, check in _CHECKS.items() if name != "scanner" or virus_scanner()}


@login_not_required
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer as long as the process lives."""
    return JsonResponse({"status": "alive"})


@login_not_required
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 503 when storing would fail; names the part, not the reason."""
    states = {name: _state(check) for name, check in _checks().items()}
    is_ready = all(state == "ok" for state in states.values())
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", **states}, status=200 if is_ready else 503
    )


def _state(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception:  # noqa: BLE001 whatever fails, the answer is the same
        return "failed"
    return "ok"

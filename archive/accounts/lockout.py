"""What happens after too many wrong passwords: a pause for that name from that address."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.shortcuts import render

from archive.access.middleware import asker_of, is_program_path
from archive.access.problems import refuse
from archive.access.selectors import known_username
from archive.audit.accounts import record_lockout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse


def counted_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """Return under which name a failure is counted; what is no account's name is kept unread.

    People type passwords into the wrong field.
    """
    given = (credentials or {}).get("username") or request.POST.get("username", "")
    name = str(given).strip()[:150]
    known = known_username(name)
    if known:
        return known
    return hmac.new(settings.SECRET_KEY.encode(), name.encode(), hashlib.sha256).hexdigest()


def client_address(request: HttpRequest) -> str:
    """Return the peer's address; headers that anyone can send don't count."""
    return request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104 no address at all


def locked_out(
    request: HttpRequest,
    original_response: HttpResponse | None = None,
    credentials: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Answer 429, on record, with when to try again."""
    del original_response
    wait_s = int(settings.AXES_COOLOFF_TIME.total_seconds())
    name = known_username(str((credentials or {}).get("username", "")))
    record_lockout(asker_of(request, name=name))
    minutes = max(1, wait_s // 60)
    message = f"Too many wrong passwords from here. Try again in {minutes} minutes."
    response: HttpResponse
    if is_program_path(request.path):
        response = refuse(HTTPStatus.TOO_MANY_REQUESTS, code="locked-out", detail=message)
    else:
        response = render(request, "account/locked.html", {"minutes": minutes}, status=429)
    response["Retry-After"] = str(wait_s)
    return response

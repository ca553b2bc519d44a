"""Refused requests go on record, some a minute of each asker."""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError

from archive.access.middleware import asker_of
from archive.audit.refusals import record_refused
from archive.dicom.uids import is_valid_uid

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

logger = logging.getLogger(__name__)

_A_MINUTE, _MAX_ASKERS = 30, 10_000


class _Budget:
    """How many refusals of an asker were written in this minute, and how many were not."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, int, int]] = {}
        self._lock = Lock()

    def take(self, asker: str) -> int | None:
        """Return how many were left out since the last record; None where this one is, too."""
        now = time.monotonic()
        with self._lock:
            began, written, left_out = self._spent.get(asker, (now, 0, 0))
            if now - began >= 60:
                began, written = now, 0
            if written >= _A_MINUTE:
                self._spent[asker] = (began, written, left_out + 1)
                return None
            if len(self._spent) >= _MAX_ASKERS:
                self._spent.clear()
            self._spent[asker] = (began, written + 1, 0)
            return left_out


_budget = _Budget()


class RefusalsMiddleware:
    """Record what was refused: wrong or missing rights, bad tokens, objects that are not there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Look at the answer; the record is written before it leaves."""
        response = self.get_response(request)
        if response.status_code in {401, 403, 404} and _is_told(request, response.status_code):
            _record(request, response.status_code)
        return response


def _is_told(request: HttpRequest, status: int) -> bool:
    """Whether somebody who is known, or claims to be, asked for what has rights."""
    user = getattr(request, "user", None)
    is_known = user is not None and user.is_authenticated
    if status == 404:
        return is_known and request.resolver_match is not None
    return is_known or "HTTP_AUTHORIZATION" in request.META or status == 403


def _record(request: HttpRequest, status: int) -> None:
    user = getattr(request, "user", None) or AnonymousUser()
    address = str(request.META.get("REMOTE_ADDR") or "")
    left_out = _budget.take(str(user.pk or address))
    if left_out is None:
        return
    if not hasattr(request, "user"):
        request.user = user
    match = request.resolver_match
    try:
        record_refused(
            asker_of(request),
            status=status,
            method=(request.method or "")[:10],
            route=match.route if match else "",
            study=_study_of(match.kwargs if match else {}),
            left_out=left_out,
        )
    except DatabaseError:
        # Nothing was given out; whether the trail can be written is seen where something is.
        logger.exception("a refusal could not be recorded")


def _study_of(arguments: dict[str, Any]) -> str:
    named = (value for name, value in arguments.items() if "study" in name)
    return next((str(value) for value in named if is_valid_uid(str(value))), "")

"""Refusals that no view was asked for, as problem documents (RFC 9457)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import JsonResponse

if TYPE_CHECKING:
    from http import HTTPStatus


# What a client waits before it asks again where the archive could not answer (RFC 9110 10.2.3).
RETRY_AFTER_S = 5


def refuse(status: HTTPStatus, *, code: str, detail: str) -> JsonResponse:
    """Return a refusal as programs read it.

    Parameters
    ----------
    status
        of HTTP
    code
        the stable slug for programs
    detail
        for people
    """
    return JsonResponse(
        {
            "type": "about:blank",
            "title": status.phrase,
            "status": int(status),
            "code": code,
            "detail": detail,
        },
        status=int(status),
        content_type="application/problem+json",
    )

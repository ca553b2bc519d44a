"""Dangerous acts want a sign-in that is only minutes old; else the person proves it again."""

from __future__ import annotations

import time
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from archive.access.middleware import is_program_path
from archive.access.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

P = ParamSpec("P")
# What allauth calls the proof by an outside provider.
_OUTSIDE = "socialaccount"
BEGAN_KEY, SEEN_KEY = "twinsight_began", "twinsight_seen"
# When the outside provider says that the person signed in there: coming back may take no proof.
KNOWN_AT_KEY = "twinsight_known_at"


def signed_in_at(request: HttpRequest) -> float:
    """Return when the person last proved who they are in this session, in seconds of the epoch."""
    records = get_authentication_records(request, request.user)
    if records:
        return max(_proved_at(request, one) for one in records)
    return session_began(request)


def _proved_at(request: HttpRequest, record: dict[str, Any]) -> float:
    at = float(record.get("at", 0))
    if record.get("method") != _OUTSIDE or not settings.TWINSIGHT_OIDC_AUTH_TIME:
        return at
    return min(at, float(request.session.get(KNOWN_AT_KEY, 0)))


def session_began(request: HttpRequest) -> float:
    """Return when the session began; one that was never told counts from the last sign-in."""
    began = request.session.get(BEGAN_KEY)
    if began:
        return float(began)
    last_login = getattr(request.user, "last_login", None)
    return last_login.timestamp() if last_login is not None else 0.0


def is_recent(request: HttpRequest) -> bool:
    """Whether the person proved who they are some minutes ago; a token always counts."""
    if getattr(request, "token", None) is not None:
        return True
    return time.time() - signed_in_at(request) < settings.TWINSIGHT_STEP_UP_S


def requires_recent_login(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Ask again for the password or the second step where the sign-in is not recent.

    What only looks (GET, HEAD) passes; put it outside of a whole view to guard what changes. A
    page leads to the question and back, a program's request with a session gets 403.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method in {"GET", "HEAD", "OPTIONS"} or is_recent(request):
            return view(request, *args, **kwargs)
        return ask_again(request)

    return guarded


def ask_again(request: HttpRequest) -> HttpResponse:
    """Lead to the page that asks for a proof, and from there back to the page in hand."""
    if is_program_path(request.path):
        detail = _("Sign in again: this needs a sign-in that is only minutes old.")
        return refuse(HTTPStatus.FORBIDDEN, code="recent-login-required", detail=detail)
    back = _page_in_hand(request)
    address = f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def _page_in_hand(request: HttpRequest) -> str:
    """Return the page with the form; what was sent is not kept, the person sends it again."""
    current = request.headers.get("HX-Current-URL") or request.headers.get("Referer") or ""
    origin = f"{request.scheme}://{request.get_host()}"
    if current.startswith(f"{origin}/"):
        return current.removeprefix(origin)
    return request.get_full_path() if request.method == "GET" else "/"

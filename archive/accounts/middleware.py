"""Sessions end, passwords that others made are changed, and pages speak the asker's tongue."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation

from archive.access.middleware import asker_of, is_program_path
from archive.access.problems import refuse
from archive.accounts.profiles import MUST_CHANGE_KEY
from archive.accounts.stepup import BEGAN_KEY, SEEN_KEY, session_began
from archive.audit.accounts import record_session_ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    GetResponse = Callable[[HttpRequest], HttpResponseBase]

# How often a session notes that it is in use.
_NOTE_S = 60
_SECOND_STEP_KEY = "twinsight_second_step"
_ENROLLING = (
    *("/account/security/", "/account/again/", "/account/password/"),
    *("/logout/", "/static/", "/login/"),
)


class LanguageMiddleware(LocaleMiddleware):
    """Pages follow the person's choice and the browser; programs are answered in English."""

    def process_request(self, request: HttpRequest) -> None:
        """Programs get English, whatever the thread spoke for the page before."""
        if is_program_path(request.path):
            translation.activate(settings.LANGUAGE_CODE)
        else:
            super().process_request(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Leave programs out."""
        if is_program_path(request.path):
            return response
        answered: HttpResponseBase = super().process_response(request, response)
        return answered


class SessionAgeMiddleware:
    """End sessions that nobody uses, and those that have lasted long enough.

    What a page asks for by itself, while nobody touches it, carries ``X-Idle`` and keeps nothing
    alive.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Look at the session's age before anything else happens by it."""
        if request.token is not None or settings.SESSION_COOKIE_NAME not in request.COOKIES:  # type: ignore[attr-defined]
            return self.get_response(request)
        if not request.user.is_authenticated:
            return self.get_response(request)
        reason = self._outlived(request)
        if reason:
            return self._end(request, reason)
        if request.session.get(MUST_CHANGE_KEY) and not _leads_to_change(request.path):
            return self._change_first(request)
        if settings.TWINSIGHT_REQUIRE_SECOND_STEP and not self._has_second_step(request):
            return self._enrol_first(request)
        return self.get_response(request)

    @staticmethod
    def _has_second_step(request: HttpRequest) -> bool:
        """Whether the account has one, or proved itself elsewhere; looked up until it is so."""
        if request.session.get(_SECOND_STEP_KEY) or request.path.startswith(_ENROLLING):
            return True
        by = {one.get("method") for one in get_authentication_records(request, request.user)}
        if "socialaccount" not in by and not is_mfa_enabled(request.user):
            return False
        request.session[_SECOND_STEP_KEY] = True
        return True

    @staticmethod
    def _enrol_first(request: HttpRequest) -> HttpResponseBase:
        if is_program_path(request.path):
            detail = "Set up a second step of signing in first."
            return refuse(HTTPStatus.FORBIDDEN, code="second-step-required", detail=detail)
        return redirect("mfa_index")

    def _outlived(self, request: HttpRequest) -> str:
        """Return why the session is over, or note that it is in use."""
        session, now = request.session, time.time()
        began = session_began(request)
        seen = float(session.get(SEEN_KEY) or began)
        if now - began > settings.TWINSIGHT_SESSION_S:
            return "age"
        if now - seen > settings.TWINSIGHT_SESSION_IDLE_S:
            return "idle"
        if now - seen > _NOTE_S and not request.headers.get("X-Idle"):
            session.setdefault(BEGAN_KEY, began)
            session[SEEN_KEY] = now
            UserSession.objects.filter(session_key=session.session_key).update(
                last_seen_at=timezone.now()
            )
        return ""

    @staticmethod
    def _end(request: HttpRequest, reason: str) -> HttpResponseBase:
        record_session_ended(asker_of(request), reason=reason)
        logout(request)
        if is_program_path(request.path):
            detail = "The session is over: sign in again."
            return refuse(HTTPStatus.UNAUTHORIZED, code="session-over", detail=detail)
        said = {"over": reason}
        if request.method == "GET" and not request.headers.get("HX-Request"):
            said["next"] = request.get_full_path()
        address = f"{reverse('portal:login')}?{urlencode(said)}"
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": address})
        return redirect(address)

    @staticmethod
    def _change_first(request: HttpRequest) -> HttpResponseBase:
        if is_program_path(request.path):
            detail = "Choose a password of your own first."
            return refuse(HTTPStatus.FORBIDDEN, code="password-change-required", detail=detail)
        return redirect("account_change_password")


def _leads_to_change(path: str) -> bool:
    return path.startswith(("/account/password/", "/logout/", "/static/", "/login/"))

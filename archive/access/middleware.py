"""Credentials, default deny, and headers: the same for every HTTP door."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.utils.functional import SimpleLazyObject

from archive.access import services
from archive.access.problems import refuse
from archive.access.refused_tokens import LIMIT, WINDOW_S, count_refused
from archive.access.scopes import SAFE_METHODS, is_for_people, lacks_scope, scope_needed
from archive.access.smart import opens_door
from archive.audit.accounts import record_tokens_refused
from archive.audit.types import Asker
from archive.models.memberships import memberships_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    GetResponse = Callable[[HttpRequest], HttpResponseBase]

# Programs get 401 there, people are sent to the login page elsewhere.
PROGRAM_PREFIXES = ("/dicom-web/", "/wado", "/api/", "/fhir/", "/oauth/", "/metrics")
_DOORS = (("/dicom-web/", "dicomweb"), ("/wado", "dicomweb"), ("/api/", "api"), ("/fhir/", "fhir"))


def is_program_path(path: str) -> bool:
    """Whether the path belongs to a door for programs."""
    return path.startswith(PROGRAM_PREFIXES)


def _door(path: str) -> str:
    return next((door for prefix, door in _DOORS if path.startswith(prefix)), "portal")


def asker_of(request: HttpRequest, *, name: str = "") -> Asker:
    """Return who is asking, as the audit trail wants to know it."""
    token = getattr(request, "token", None)
    return Asker(
        door=_door(request.path),
        user=request.user,
        token_hint=token.hint if token else "",
        address=request.META.get("REMOTE_ADDR") or None,
        name=name,
    )


def unauthorized(message: str) -> HttpResponse:
    """Answer 401 as a problem document (RFC 9457)."""
    response = refuse(HTTPStatus.UNAUTHORIZED, code="not-authenticated", detail=message)
    response["WWW-Authenticate"] = 'Bearer realm="Twinsight"'
    return response


def refuse_token(request: HttpRequest, secret: str) -> HttpResponse:
    """Answer 401 to a bad token, and 429 to an address that tries one after another."""
    address = request.META.get("REMOTE_ADDR", "")
    is_new, tries = count_refused(address, secret)
    if tries <= LIMIT:
        return unauthorized("This token is unknown, expired or revoked.")
    if is_new:
        asker = Asker(door=_door(request.path), address=address or None)
        record_tokens_refused(asker, tries=tries)
    response = refuse(
        HTTPStatus.TOO_MANY_REQUESTS,
        code="too-many-tokens",
        detail="Too many unknown tokens from this address.",
    )
    response["Retry-After"] = str(WINDOW_S)
    return response


def refuse_scope(scope: str) -> HttpResponse:
    """Answer 403 to a token without a scope that the act needs."""
    return refuse(
        HTTPStatus.FORBIDDEN,
        code="scope-missing",
        detail=f"This token lacks the scope {scope!r}.",
    )


class PlainProgramsMiddleware:
    """Refuse programs that ask without TLS; people are led to the encrypted address elsewhere.

    A redirect would do as well for the program, and nobody would ever notice that its token and
    its images travel in the clear first.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 403 where a door for programs is asked over plain HTTP."""
        if is_program_path(request.path) and not request.is_secure():
            return refuse(
                HTTPStatus.FORBIDDEN,
                code="https-required",
                detail="Use HTTPS. Whatever was sent came in the clear: renew the token.",
            )
        return self.get_response(request)


class CredentialsMiddleware:
    """Take ``Authorization: Bearer``; a request with a token ignores cookies and needs no CSRF."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Set ``request.token`` and ``request.asker``; refuse a bad token at once."""
        request.token = None  # type: ignore[attr-defined]
        request.asker = SimpleLazyObject(lambda: asker_of(request))  # type: ignore[attr-defined]
        header = request.META.get("HTTP_AUTHORIZATION", "")
        # Where tokens are given out, clients show an identifier and a secret (RFC 6749 2.3).
        if header and request.path != "/oauth/token/":
            scheme, _, secret = header.partition(" ")
            if scheme.lower() != "bearer" or not secret.strip():
                return unauthorized("Authorization takes a bearer token.")
            principal = services.authenticate_token(secret.strip())
            if principal is None:
                return refuse_token(request, secret)
            request.token = principal  # type: ignore[attr-defined]
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001
        return self.get_response(request)


class OriginCheckMiddleware:
    """Same-origin check in place of a CSRF token for DICOMweb: viewers never send one.

    A browser always says where a request that changes something comes from, by
    ``Sec-Fetch-Site`` or ``Origin``; one that says nothing must bring a CSRF token.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Let same-origin DICOMweb requests pass without a CSRF token."""
        unsafe = request.method not in SAFE_METHODS
        if unsafe and request.path.startswith("/dicom-web/") and self._is_same_origin(request):
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001
        return self.get_response(request)

    @staticmethod
    def _is_same_origin(request: HttpRequest) -> bool:
        site = request.META.get("HTTP_SEC_FETCH_SITE")
        if site is not None:
            return bool(site == "same-origin")
        origin = request.META.get("HTTP_ORIGIN")
        return bool(origin) and urlsplit(str(origin)).netloc == request.get_host()


class MembershipsMiddleware:
    """Read the asker's memberships once a request; what is revoked holds at the next one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Keep them until the response is made; a streamed body reads anew."""
        with memberships_kept():
            return self.get_response(request)


class DefaultDenyMiddleware:
    """No view without a login or a token, except those marked ``login_not_required``."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Put the token's user in the session user's place."""
        if request.token is not None:  # type: ignore[attr-defined]
            request.user = request.token.user  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, _args: list[Any], _kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Refuse the anonymous, and tokens without the view's scope."""
        if not getattr(view, "login_required", True):
            return None
        if not request.user.is_authenticated:
            if is_program_path(request.path):
                return unauthorized("Sign in, or send a bearer token.")
            # What is asked by POST alone is no page to come back to.
            is_page = request.method in SAFE_METHODS
            return redirect_to_login(request.get_full_path() if is_page else "/")
        token = request.token  # type: ignore[attr-defined]
        return None if token is None else _refused(request, view, token.resource_scopes)


def _refused(
    request: HttpRequest, view: Any, resource_scopes: Collection[str]
) -> HttpResponse | None:
    """Refuse a token what is for people, and what its scopes don't open."""
    if is_for_people(request.path_info):
        return refuse(
            HTTPStatus.FORBIDDEN,
            code="session-required",
            detail="This page is for people who signed in, not for tokens.",
        )
    needed = scope_needed(request, view)
    if lacks_scope(request, needed) and not opens_door(resource_scopes, request.path, needed):
        return refuse_scope(needed)
    return None


class SecurityHeadersMiddleware:
    """A strict content security policy, and no shared caching of what people see."""

    policy = (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    )

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Add the headers that a view did not set itself."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

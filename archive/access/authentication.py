"""DRF asks the middleware, so that every door knows the same user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import BaseAuthentication

if TYPE_CHECKING:
    from rest_framework.request import Request


class RequestUserAuthentication(BaseAuthentication):
    """Take the user that the credentials middleware found."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the request's user; CSRF was checked by Django's own middleware."""
        user = getattr(request._request, "user", None)  # noqa: SLF001 DRF's documented way
        if user is None or not user.is_authenticated or not user.is_active:
            return None
        return user, getattr(request._request, "token", None)  # noqa: SLF001 as above

    def authenticate_header(self, request: Request) -> str:
        """Answer 401 rather than 403 where nobody is known."""
        return 'Bearer realm="Twinsight"'

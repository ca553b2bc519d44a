"""What every REST endpoint has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpResponse, QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.authentication import CSRFCheck
from rest_framework.exceptions import PermissionDenied
from rest_framework.views import APIView

from archive.accounts.stepup import is_recent
from archive.dicom.uids import is_valid_uid
from archive.errors import NotAllowedError, NotVisibleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from archive.audit.types import Asker


ViewT = TypeVar("ViewT", bound="Callable[..., Any]")


def behind_login(view: ViewT) -> ViewT:
    """Let the default-deny middleware look at a DRF view: DRF marks its own as exempt."""
    view.login_required = True  # type: ignore[attr-defined]
    return view


def checked_uid(text: str) -> str:
    """Return a UID out of a path; what is no UID names nothing."""
    if not is_valid_uid(text):
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    return text


def asker_of(request: Request) -> Asker:
    """Return who asks, for the audit trail."""
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def validated(schema: Serializer[Any]) -> dict[str, Any]:
    """Return what was said, in its shape; what has another is refused field by field."""
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


def require_recent_login(request: Request) -> None:
    """Sessions prove again who they are, as on the pages; tokens were given for this.

    Raises
    ------
    NotAllowedError
        The sign-in is not recent.
    """
    if not is_recent(request._request):  # noqa: SLF001 DRF's way
        message = "Sign in again: this needs a sign-in that is only minutes old."
        raise NotAllowedError(message, code="recent-login-required")


class Endpoint(APIView):
    """A DRF view that is denied by default and whose sessions need the ``X-CSRFToken`` header."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return the view with login and token scope checked before it runs."""
        return behind_login(super().as_view(**initkwargs))

    def perform_authentication(self, request: Request) -> None:
        """Check CSRF where a session speaks: DRF exempts its views from Django's own check."""
        super().perform_authentication(request)
        bare = request._request  # noqa: SLF001 DRF's documented way
        if request.user.is_authenticated and getattr(bare, "token", None) is None:
            _require_csrf_token(bare)


def _answer_nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _require_csrf_token(request: HttpRequest) -> None:
    # Django looks for the token in the form first, and would read an upload to its end for it.
    untouched: Any = request
    if not request._read_started:  # type: ignore[attr-defined]  # noqa: SLF001 no public name
        untouched._post, untouched._files = QueryDict(), MultiValueDict()  # noqa: SLF001 as above
    check = CSRFCheck(_answer_nothing)
    check.process_request(request)
    reason = check.process_view(request, _answer_nothing, (), {})
    if reason:
        raise PermissionDenied(f"CSRF: {reason}")

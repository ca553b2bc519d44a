"""The archive's errors as pages: what cannot be seen and what is absent look the same."""

from __future__ import annotations

from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import render

from archive.errors import (
    ArchiveError,
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    NotVisibleError,
    QuotaExceededError,
    StateConflictError,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

P = ParamSpec("P")
AnswerT = TypeVar("AnswerT", bound="HttpResponseBase")
# What a view has no words of its own for; the nearest class of an error's ancestry decides.
_REFUSALS: dict[type[ArchiveError], HTTPStatus] = {
    InvalidRequestError: HTTPStatus.BAD_REQUEST,
    StateConflictError: HTTPStatus.CONFLICT,
    LimitExceededError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    QuotaExceededError: HTTPStatus.INSUFFICIENT_STORAGE,
    StorageError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def speaks_html(
    view: Callable[Concatenate[HttpRequest, P], AnswerT],
) -> Callable[Concatenate[HttpRequest, P], AnswerT | HttpResponse]:
    """Turn the archive's errors into Django's, which have pages."""

    @wraps(view)
    def translated(
        request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> AnswerT | HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotVisibleError as error:
            raise Http404(error.message) from error
        except NotAllowedError as error:
            raise PermissionDenied(error.message) from error
        except tuple(_REFUSALS) as error:
            status = next(_REFUSALS[kind] for kind in type(error).__mro__ if kind in _REFUSALS)
            return render(request, "portal/refused.html", {"why": error.message}, status=status)

    return translated

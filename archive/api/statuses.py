"""Errors as problem documents (RFC 9457): one table, class -> HTTP status."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import set_rollback

from archive import errors
from archive.access.problems import RETRY_AFTER_S
from archive.scheduling.errors import StepConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"

# The nearest class of an error's ancestry decides.
HTTP_STATUSES: dict[type[errors.ArchiveError], HTTPStatus] = {
    errors.ArchiveError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidInstanceError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PixelDecodingError: HTTPStatus.NOT_ACCEPTABLE,
    errors.InvalidWindowError: HTTPStatus.BAD_REQUEST,
    errors.SopInstanceConflictError: HTTPStatus.CONFLICT,
    errors.PatientMismatchError: HTTPStatus.CONFLICT,
    errors.HierarchyConflictError: HTTPStatus.CONFLICT,
    errors.NotVisibleError: HTTPStatus.NOT_FOUND,
    errors.GoneError: HTTPStatus.GONE,
    errors.DeletedObjectError: HTTPStatus.CONFLICT,
    errors.StateConflictError: HTTPStatus.CONFLICT,
    errors.NotAllowedError: HTTPStatus.FORBIDDEN,
    errors.InvalidRequestError: HTTPStatus.BAD_REQUEST,
    errors.NotAcceptableError: HTTPStatus.NOT_ACCEPTABLE,
    errors.LimitExceededError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.QuotaExceededError: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.StorageError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StorageFullError: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.BlobMissingError: HTTPStatus.NOT_FOUND,
    errors.PeerError: HTTPStatus.BAD_GATEWAY,
    errors.PeerUnreachableError: HTTPStatus.GATEWAY_TIMEOUT,
    StepConflictError: HTTPStatus.CONFLICT,
}
# Where HTTP has a status of its own for one reason of a class.
CODE_STATUSES: dict[str, HTTPStatus] = {
    "unsupported-media-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "unsupported-encoding": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "length-required": HTTPStatus.LENGTH_REQUIRED,
    "file-busy": HTTPStatus.LOCKED,
}
_UNREACHABLE = (
    HTTPStatus.SERVICE_UNAVAILABLE,
    "database-unavailable",
    "The archive's database can't be reached; try again.",
)
_MALFORMED = (HTTPStatus.BAD_REQUEST, "invalid-request", "The request is malformed.")
_OTHERS: dict[type[Exception], tuple[HTTPStatus, str, str]] = {
    ValidationError: (
        HTTPStatus.BAD_REQUEST,
        "invalid-request",
        "The request's values are not valid.",
    ),
    Http404: (HTTPStatus.NOT_FOUND, "not-found", "There is none."),
    PermissionDenied: (HTTPStatus.FORBIDDEN, "not-allowed", "You may not do this."),
    SuspiciousOperation: _MALFORMED,
    BadRequest: _MALFORMED,
    OperationalError: _UNREACHABLE,
    InterfaceError: _UNREACHABLE,
}


def add_statuses(statuses: Mapping[type[errors.ArchiveError], HTTPStatus]) -> None:
    """Let a room above the archive say what its own errors are over HTTP."""
    HTTP_STATUSES.update(statuses)


def http_status(error: errors.ArchiveError) -> HTTPStatus:
    """Return the status that says this error over HTTP."""
    if error.code in CODE_STATUSES:
        return CODE_STATUSES[error.code]
    for kind in type(error).__mro__:
        if kind in HTTP_STATUSES:
            return HTTP_STATUSES[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(
    status: HTTPStatus,
    *,
    code: str,
    detail: str,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document; ``code`` is the stable slug for programs."""
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
        **(more or {}),
    }
    response = Response(body, status=int(status), content_type=PROBLEM_TYPE)
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE}:
        response["Retry-After"] = str(RETRY_AFTER_S)
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def handle_exception(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Translate for DRF; None leaves the error to Django, which answers 500."""
    del context
    response = _translate(error)
    if response is not None:
        set_rollback()
    return response


def _translate(error: Exception) -> Response | None:
    if isinstance(error, errors.ArchiveError):
        # Which field of the request is wrong, where the error knows.
        field = getattr(error, "field", None)
        more = {"field": field} if field else None
        return problem(http_status(error), code=error.code, detail=error.message, more=more)
    if isinstance(error, ValidationError):
        status, code, detail = _OTHERS[ValidationError]
        return problem(status, code=code, detail=detail, more={"errors": error.detail})
    if isinstance(error, APIException):
        return _from_rest_framework(error)
    for kind, (status, code, detail) in _OTHERS.items():
        if isinstance(error, kind):
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                logger.error("request failed", exc_info=error)
            return problem(status, code=code, detail=detail)
    return None


def _from_rest_framework(error: APIException) -> Response:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    codes = error.get_codes()
    return problem(
        HTTPStatus(error.status_code),
        code=codes.replace("_", "-") if isinstance(codes, str) else "invalid-request",
        detail=str(error.detail),
        headers=headers,
    )

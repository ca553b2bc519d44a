"""Errors in FHIR: class -> HTTP status and OperationOutcome (FHIR R4, 2.7 and 3.1)."""

from __future__ import annotations

from http import HTTPStatus

from archive import errors

# The nearest class of an error's ancestry decides.
HTTP_STATUSES: dict[type[errors.ArchiveError], HTTPStatus] = {
    errors.ArchiveError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.NotVisibleError: HTTPStatus.NOT_FOUND,
    errors.GoneError: HTTPStatus.GONE,
    errors.NotAllowedError: HTTPStatus.FORBIDDEN,
    errors.InvalidRequestError: HTTPStatus.BAD_REQUEST,
    errors.NotAcceptableError: HTTPStatus.NOT_ACCEPTABLE,
    errors.LimitExceededError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.StateConflictError: HTTPStatus.CONFLICT,
    errors.StorageError: HTTPStatus.SERVICE_UNAVAILABLE,
}
# HL7's code system issue-type.
ISSUES = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.UNAUTHORIZED: "login",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "not-supported",
    HTTPStatus.NOT_ACCEPTABLE: "not-supported",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.GONE: "deleted",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-costly",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "not-supported",
    HTTPStatus.SERVICE_UNAVAILABLE: "transient",
}
CODE_STATUSES = {
    "unsupported-media-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "method-not-allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "page-gone": HTTPStatus.GONE,
}
CODE_ISSUES = {
    "unknown-parameter": "not-supported",
    "unsupported-modifier": "not-supported",
    "unsupported-chain": "not-supported",
}


def http_status(error: errors.ArchiveError) -> HTTPStatus:
    """Return the status that says this error over FHIR."""
    if error.code in CODE_STATUSES:
        return CODE_STATUSES[error.code]
    return next(
        (HTTP_STATUSES[kind] for kind in type(error).__mro__ if kind in HTTP_STATUSES),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def issue_code(error: errors.ArchiveError) -> str:
    """Return the kind of issue that an OperationOutcome calls this error."""
    return CODE_ISSUES.get(error.code) or ISSUES.get(http_status(error), "exception")

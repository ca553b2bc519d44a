"""The AI's errors over HTTP, added to the archive's table."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from archive.api.statuses import add_statuses
from inference import errors
from inference.similarity.errors import NotEmbeddedError, SpaceConflictError, SpaceNotReadyError
from inference.workitems import errors as workitems

if TYPE_CHECKING:
    from archive.errors import ArchiveError

STATUSES: dict[type[ArchiveError], HTTPStatus] = {
    errors.InferenceError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.BundleNotTrustedError: HTTPStatus.CONFLICT,
    errors.UnsupportedInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ModelUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ModelRetiredError: HTTPStatus.CONFLICT,
    errors.RunConflictError: HTTPStatus.CONFLICT,
    errors.TooManyRunsError: HTTPStatus.TOO_MANY_REQUESTS,
    # It may be embedded in a moment: the same question can be asked again.
    NotEmbeddedError: HTTPStatus.CONFLICT,
    # As above: it is being filled.
    SpaceNotReadyError: HTTPStatus.CONFLICT,
    SpaceConflictError: HTTPStatus.CONFLICT,
    workitems.WorkitemError: HTTPStatus.CONFLICT,
    workitems.TransactionUidError: HTTPStatus.BAD_REQUEST,
    workitems.SubscriberUnknownError: HTTPStatus.FORBIDDEN,
}


def register_statuses() -> None:
    """Make the archive's exception handler know these errors."""
    add_statuses(STATUSES)

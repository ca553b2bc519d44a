"""Errors in DICOMweb: class -> HTTP status (PS3.18 8.5) and failure reason (PS3.18 table I.2-2)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from archive import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.ingest.types import IngestResult


# The nearest class of an error's ancestry decides.
HTTP_STATUSES: dict[type[errors.ArchiveError], HTTPStatus] = {
    errors.ArchiveError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidInstanceError: HTTPStatus.BAD_REQUEST,
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
    errors.BlobMissingError: HTTPStatus.NOT_FOUND,
    errors.PeerError: HTTPStatus.BAD_GATEWAY,
}
CODE_STATUSES = {
    "unsupported-media-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "length-required": HTTPStatus.LENGTH_REQUIRED,
}

# 0110 processing failure, 0111 duplicate SOP instance, 0124 not authorized, A700 out of
# resources, A900 does not match, C000 cannot understand.
FAILURE_REASONS: dict[type[errors.ArchiveError], int] = {
    errors.ArchiveError: 0x0110,
    errors.InvalidInstanceError: 0xC000,
    errors.InvalidRequestError: 0xC000,
    errors.SopInstanceConflictError: 0x0111,
    errors.PatientMismatchError: 0xA900,
    errors.HierarchyConflictError: 0xA900,
    errors.NotAllowedError: 0x0124,
    errors.DeletedObjectError: 0x0124,
    errors.LimitExceededError: 0xA700,
    errors.StorageError: 0xA700,
}
# C122 transfer syntax not supported, 0122 SOP class not supported, A901 another study than the
# request's: reasons for one code of a class.
CODE_REASONS = {
    "study-mismatch": 0xA901,
    "sop-class-not-supported": 0x0122,
    "transfer-syntax-not-supported": 0xC122,
}
# PS3.18 table I.2-1: stored, with other values than it came with.
COERCED = 0xB000


def http_status(error: errors.ArchiveError) -> HTTPStatus:
    """Return the status that says this error over DICOMweb."""
    if error.code in CODE_STATUSES:
        return CODE_STATUSES[error.code]
    return next(HTTP_STATUSES[kind] for kind in type(error).__mro__ if kind in HTTP_STATUSES)


def failure_reason(error: errors.ArchiveError) -> int:
    """Return the Failure Reason (0008,1197) that says this error in a store's answer."""
    if error.code in CODE_REASONS:
        return CODE_REASONS[error.code]
    return next(FAILURE_REASONS[kind] for kind in type(error).__mro__ if kind in FAILURE_REASONS)


def warning_reason(result: IngestResult) -> int | None:
    """Return the Warning Reason (0008,1196) of what was stored, None where there is none."""
    return COERCED if result.is_accepted and result.coerced else None


def store_status(results: Sequence[IngestResult]) -> HTTPStatus:
    """Return the status of a store (PS3.18 table 10.5.3-1).

    200 for all, 202 for some or with warnings, else why none was stored.
    """
    refused = [result.error for result in results if not result.is_accepted]
    if not refused:
        has_warnings = any(warning_reason(result) for result in results)
        return HTTPStatus.ACCEPTED if has_warnings else HTTPStatus.OK
    if len(refused) < len(results):
        return HTTPStatus.ACCEPTED
    statuses = {http_status(error) for error in refused if error is not None}
    whole = {
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.INSUFFICIENT_STORAGE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.FORBIDDEN,
    }
    return statuses.pop() if len(statuses) == 1 and statuses <= whole else HTTPStatus.CONFLICT

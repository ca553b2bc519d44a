from __future__ import annotations

from http import HTTPStatus

import pytest

from archive import errors
from archive.dicomweb.statuses import failure_reason, http_status, store_status
from archive.ingest.types import IngestResult, Outcome


def subclasses(kind):
    return {kind, *(lower for child in kind.__subclasses__() for lower in subclasses(child))}


ERRORS = sorted(
    (kind for kind in subclasses(errors.ArchiveError) if kind.__module__.startswith("archive")),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_a_status_and_a_reason(kind):
    error = kind("message")

    assert 400 <= http_status(error) < 600
    assert 0x0100 <= failure_reason(error) <= 0xFFFF


def test_bad_input_is_never_the_servers_fault():
    expected = {
        errors.InvalidInstanceError: HTTPStatus.BAD_REQUEST,
        errors.NotVisibleError: HTTPStatus.NOT_FOUND,
        errors.NotAllowedError: HTTPStatus.FORBIDDEN,
        errors.NotAcceptableError: HTTPStatus.NOT_ACCEPTABLE,
        errors.LimitExceededError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        errors.StorageFullError: HTTPStatus.SERVICE_UNAVAILABLE,
    }

    assert {kind: http_status(kind()) for kind in expected} == expected


def test_codes_may_have_a_status_and_reason_of_their_own():
    unsupported = errors.InvalidRequestError(code="unsupported-media-type")

    assert http_status(unsupported) == 415
    assert failure_reason(errors.HierarchyConflictError(code="study-mismatch")) == 0xA901


def result(error=None, outcome=Outcome.QUARANTINED):
    return IngestResult(outcome=outcome if error else Outcome.STORED, error=error)


BAD = errors.InvalidInstanceError()
FULL = errors.StorageFullError()
LARGE = errors.LimitExceededError()


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([result(), result()], 200),
        ([result(), IngestResult(outcome=Outcome.DUPLICATE)], 200),
        ([result(), result(BAD)], 202),
        ([result(BAD)], 409),
        ([result(FULL, Outcome.FAILED)] * 2, 503),
        ([result(LARGE)], 413),
        ([result(errors.NotAllowedError())], 403),
        ([result(BAD), result(FULL, Outcome.FAILED)], 409),
    ],
)
def test_a_stores_status_says_all_some_or_why_none(results, expected):
    assert store_status(results) == expected

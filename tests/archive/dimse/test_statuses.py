import pytest
from django.db import OperationalError

from archive.dimse.statuses import UNABLE_TO_COUNT, query_status, store_status
from archive.errors import (
    ArchiveError,
    HierarchyConflictError,
    InvalidInstanceError,
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    SopInstanceConflictError,
    StorageError,
    StorageFullError,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 0x0000),
        (SopInstanceConflictError(), 0x0111),
        (StorageError(), 0xA700),
        (StorageFullError(), 0xA700),
        (LimitExceededError(), 0xA700),
        (InvalidInstanceError(code="truncated"), 0xC000),
        (InvalidInstanceError(code="sop-class-mismatch"), 0xA900),
        (HierarchyConflictError(), 0xA900),
        (NotAllowedError(), 0x0124),
        (ArchiveError(), 0x0110),
    ],
)
def test_errors_have_the_statuses_of_the_standard(error, status):
    assert store_status(error) == status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotAllowedError(), 0x0124),
        (InvalidRequestError(), 0xC000),
        (InvalidRequestError(code="identifier-mismatch"), 0xA900),
        (StorageError(), 0xA701),
        (LimitExceededError(), 0xA701),
        (OperationalError("no database"), 0xA701),
        (ZeroDivisionError(), 0xC000),
    ],
)
def test_queries_and_retrievals_fail_with_the_statuses_of_the_standard(error, status):
    assert query_status(error, out_of_resources=UNABLE_TO_COUNT) == status

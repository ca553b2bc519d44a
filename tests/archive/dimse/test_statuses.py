import pytest

from archive.dimse.statuses import store_status
from archive.errors import (
    ArchiveError,
    HierarchyConflictError,
    InvalidInstanceError,
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

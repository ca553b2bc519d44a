"""Errors as DIMSE statuses: a table for C-STORE (PS3.4 B.2.3), one for queries and retrievals."""

from __future__ import annotations

from django.db import DatabaseError

from archive import errors

SUCCESS = 0x0000
CANCELLED = 0xFE00  # PS3.4 C.4.1.1.4, as the next three
PENDING = 0xFF00
PENDING_WARNING = 0xFF01  # optional keys were not matched
UNABLE_TO_PROCESS = 0xC000
UNABLE_TO_COUNT = 0xA701  # PS3.4 C.4.2.1.5, as the next three
ALL_FAILED = 0xA702
UNKNOWN_DESTINATION = 0xA801
SOME_FAILED = 0xB000
PROCESSING_FAILURE = 0x0110  # PS3.7 C.5.14
NO_SUCH_INSTANCE = 0x0112  # PS3.7 C.5.19
INVALID_ARGUMENT = 0x0115  # PS3.7 C.5.11
NO_SUCH_ACTION = 0x0123  # PS3.7 C.5.9
DUPLICATE_TRANSACTION = 0x0131  # PS3.3 C.14.1.1
DUPLICATE_SOP_INSTANCE = 0x0111  # PS3.7 C.5.4
NOT_AUTHORIZED = 0x0124  # PS3.7 C.5.21
OUT_OF_RESOURCES = 0xA700  # PS3.4 B.2.3
DATA_SET_MISMATCH = 0xA900  # PS3.4 B.2.3
CANNOT_UNDERSTAND = 0xC000  # PS3.4 B.2.3

# The nearest class of an error's ancestry decides.
STORE_STATUSES: dict[type[errors.ArchiveError], int] = {
    errors.ArchiveError: PROCESSING_FAILURE,
    errors.InvalidInstanceError: CANNOT_UNDERSTAND,
    errors.InvalidRequestError: CANNOT_UNDERSTAND,
    errors.SopInstanceConflictError: DUPLICATE_SOP_INSTANCE,
    errors.PatientMismatchError: DATA_SET_MISMATCH,
    errors.HierarchyConflictError: DATA_SET_MISMATCH,
    errors.NotAllowedError: NOT_AUTHORIZED,
    errors.DeletedObjectError: NOT_AUTHORIZED,
    errors.LimitExceededError: OUT_OF_RESOURCES,
    errors.StorageError: OUT_OF_RESOURCES,
}
_CODE_STATUSES = {"sop-class-mismatch": DATA_SET_MISMATCH}


def store_status(error: errors.ArchiveError | None) -> int:
    """Return the status that answers a C-STORE request."""
    if error is None:
        return SUCCESS
    if error.code in _CODE_STATUSES:
        return _CODE_STATUSES[error.code]
    for kind in type(error).__mro__:
        if kind in STORE_STATUSES:
            return STORE_STATUSES[kind]
    return PROCESSING_FAILURE


def query_status(error: BaseException, *, out_of_resources: int = OUT_OF_RESOURCES) -> int:
    """Return the status that answers a C-FIND, C-GET or C-MOVE which could not be served."""
    if isinstance(error, errors.NotAllowedError):
        return NOT_AUTHORIZED
    if isinstance(error, errors.InvalidRequestError):
        return DATA_SET_MISMATCH if error.code == "identifier-mismatch" else UNABLE_TO_PROCESS
    if isinstance(error, errors.StorageError | errors.LimitExceededError | DatabaseError):
        return out_of_resources
    return UNABLE_TO_PROCESS

"""Errors as DIMSE statuses: one table, class -> status of a C-STORE response (PS3.4 B.2.3)."""

from __future__ import annotations

from archive import errors

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110  # PS3.7 C.5.14
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

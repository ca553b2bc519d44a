"""Storage commitment, push model: N-ACTION asks, N-EVENT-REPORT answers later (PS3.4 J.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.dicom.uids import is_valid_uid
from archive.dimse.statuses import (
    DUPLICATE_TRANSACTION,
    INVALID_ARGUMENT,
    NO_SUCH_ACTION,
    NO_SUCH_INSTANCE,
    SUCCESS,
)
from archive.errors import InvalidRequestError, NotAllowedError, SopInstanceConflictError
from archive.forwarding import commitment
from archive.forwarding.dimse_client import commitment_report

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from archive.dimse.operations import Operation
    from archive.models import StorageCommitment

WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
REQUEST_COMMITMENT = 1


def serve_commitment(operation: Operation) -> None:
    """Keep a request for storage commitment, and acknowledge it."""
    request = operation.request
    if request.RequestedSOPInstanceUID != WELL_KNOWN_INSTANCE:
        operation.respond(NO_SUCH_INSTANCE)
        return
    if request.ActionTypeID != REQUEST_COMMITMENT:
        operation.respond(NO_SUCH_ACTION)
        return
    try:
        asked = operation.dataset(request.ActionInformation)
        transaction_uid, references = _references(asked)
        with operation.database():
            peer = operation.peer()
            if not peer.may_store:
                raise NotAllowedError("This peer may not store.")
            row = commitment.request_commitment(
                peer=peer, transaction_uid=transaction_uid, references=references
            )
    except InvalidRequestError as error:
        operation.respond(INVALID_ARGUMENT, comment=error.message)
    except SopInstanceConflictError as error:
        operation.respond(DUPLICATE_TRANSACTION, comment=error.message)
    else:
        operation.respond(SUCCESS)
        if not peer.port:
            _report_here(operation, row)


def _report_here(operation: Operation, row: StorageCommitment) -> None:
    """Tell a peer that has no port to be called at, for as long as its association lasts."""
    with operation.database():
        commitment.check_commitment(row)
    committed, failed = commitment.outcome_of(row)
    report = commitment_report(row.transaction_uid, committed, failed)
    if operation.report_event(report, WELL_KNOWN_INSTANCE, event_type=2 if failed else 1):
        with operation.database():
            commitment.note_reported(row)


def _references(asked: Dataset) -> tuple[str, list[tuple[str, str]]]:
    transaction_uid = _uid(asked, "TransactionUID")
    items: Any = asked.get("ReferencedSOPSequence") or []
    if len(items) > commitment.MAX_REFERENCES:
        raise InvalidRequestError("The request names too many objects.")
    return transaction_uid, [
        (_uid(item, "ReferencedSOPClassUID"), _uid(item, "ReferencedSOPInstanceUID"))
        for item in items
    ]


def _uid(ds: Dataset, keyword: str) -> str:
    value = str(ds.get(keyword) or "").strip(" \0")
    if not is_valid_uid(value):
        raise InvalidRequestError(f"{keyword} is missing or no UID.")
    return value

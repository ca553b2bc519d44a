"""C-GET and C-MOVE: what is asked for is stored on the same association, or with another peer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from archive.access import selectors as access
from archive.audit.associations import record_moved
from archive.dimse.answering import PeersStorage
from archive.dimse.contexts import PATIENT_ROOT
from archive.dimse.operations import PENDING, SubOperations, account_of
from archive.dimse.statuses import (
    ALL_FAILED,
    CANCELLED,
    SOME_FAILED,
    SUCCESS,
    UNKNOWN_DESTINATION,
)
from archive.errors import InvalidRequestError, NotAllowedError, PeerError
from archive.forwarding.dimse_outgoing import OutgoingInstance
from archive.forwarding.dimse_sending import MoveOriginator, send_files, send_over
from archive.retrieve.requested import Requested, requested_instances
from archive.retrieve.trail import note_transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.dimse.operations import Operation
    from archive.forwarding.dimse_sending import StoreOutcome
    from archive.models import Instance, Peer

_KEYS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
MAX_UIDS = 20_000


def serve_get(operation: Operation) -> None:
    """Answer a C-GET: store on this association what is asked for."""
    with operation.database():
        peer, instances = _asked_for(operation)
        note_transfer(operation.asker(peer), instances)
    outcomes = send_over(
        PeersStorage(operation.association),
        [OutgoingInstance(instance) for instance in instances],
        # Not the request's own number, which a C-CANCEL would name.
        used_ids=int(operation.request.MessageID),
    )
    _report(operation, outcomes, [instance.sop_instance_uid for instance in instances])


def serve_move(operation: Operation) -> None:
    """Answer a C-MOVE: store with a registered destination what is asked for."""
    title = str(operation.request.MoveDestination or "").strip()
    with operation.database():
        peer, instances = _asked_for(operation)
        address = operation.association.origin.address
        destination = access.find_move_destination(ae_title=title, requestor_address=address)
        if destination is not None:
            record_moved(operation.asker(peer), instances, destination=destination.ae_title)
    if destination is None:
        operation.respond(UNKNOWN_DESTINATION, comment="The move destination is not registered.")
        return
    originator = MoveOriginator(peer.ae_title, int(operation.request.MessageID))
    outcomes = send_files(
        destination, [OutgoingInstance(instance) for instance in instances], originator=originator
    )
    _report(operation, outcomes, [instance.sop_instance_uid for instance in instances])


def _asked_for(operation: Operation) -> tuple[Peer, list[Instance]]:
    """Return who asks and what is asked for, inside the rights of its account."""
    peer = operation.peer()
    if not peer.may_retrieve:
        raise NotAllowedError("This peer may not retrieve.")
    keys = operation.dataset(operation.request.Identifier)
    level = str(keys.get("QueryRetrieveLevel") or "").strip()
    if level == "PATIENT" and operation.sop_class_uid not in PATIENT_ROOT:
        message = "The study root model has no level PATIENT."
        raise InvalidRequestError(message, code="identifier-mismatch")
    values = {keyword: _values(keys, keyword) for keyword in _KEYS}
    return peer, requested_instances(account_of(peer), Requested(level, values))


def _values(keys: Dataset, keyword: str) -> tuple[str, ...]:
    value = keys.get(keyword)
    if not value:
        return ()
    values = [value] if isinstance(value, str) else list(value)
    if len(values) > MAX_UIDS:
        raise InvalidRequestError(f"{keyword} has too many values.")
    return tuple(str(one).strip(" \0") for one in values)


def _report(operation: Operation, outcomes: Iterator[StoreOutcome], uids: list[str]) -> None:
    """Tell the peer after each sub-operation how far it is, and at the end how it went."""
    counts = SubOperations(remaining=len(uids))
    comment = ""
    open_uids = dict.fromkeys(uids)
    try:
        for outcome in outcomes:
            open_uids.pop(outcome.sop_instance_uid, None)
            counts.note(
                outcome.sop_instance_uid,
                is_sent=outcome.is_sent,
                has_warning=outcome.has_warning,
            )
            comment = comment or ("" if outcome.is_sent else outcome.message)
            if not operation.is_alive:
                return
            if operation.is_cancelled:
                operation.respond(CANCELLED, counts=counts, identifier=_failed_list(counts))
                return
            if counts.remaining:
                operation.respond(PENDING, counts=counts)
    except PeerError as error:
        comment = error.message
        for uid in open_uids:
            counts.note(uid, is_sent=False, has_warning=False)
    _finish(operation, counts, comment)


def _finish(operation: Operation, counts: SubOperations, comment: str) -> None:
    status = SUCCESS
    if counts.failed or counts.warning:
        status = SOME_FAILED
    if counts.failed and not counts.completed and not counts.warning:
        status = ALL_FAILED
    identifier = _failed_list(counts) if status != SUCCESS else None
    operation.respond(status, counts=counts, identifier=identifier, comment=comment)


def _failed_list(counts: SubOperations) -> Dataset:
    ds = Dataset()
    ds.FailedSOPInstanceUIDList = counts.failed_uids
    return ds

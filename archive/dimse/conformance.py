"""What the DICOM listener and client offer, from what they are made of, for the statement."""

from __future__ import annotations

from dataclasses import dataclass

from archive.dimse import contexts, statuses

_STORE = (
    (statuses.SUCCESS, "stored durably, or stored before with the same content"),
    (statuses.PROCESSING_FAILURE, "any other failure"),
    (
        statuses.DUPLICATE_SOP_INSTANCE,
        "other content is stored under this SOP Instance UID; what came is in quarantine",
    ),
    (statuses.NOT_AUTHORIZED, "the study is not the sender's to add to"),
    (statuses.OUT_OF_RESOURCES, "out of resources: space, quota, database, size limit; retry"),
    (statuses.DATA_SET_MISMATCH, "the data set does not match its SOP class, study or patient"),
    (statuses.CANNOT_UNDERSTAND, "the data set can't be understood; its bytes are in quarantine"),
)
_REFUSALS = (
    (statuses.NOT_AUTHORIZED, "the right was taken back while the association lasted"),
    (statuses.DATA_SET_MISMATCH, "the Query/Retrieve Level is missing, or not of the model"),
    (statuses.UNABLE_TO_PROCESS, "a key's value can't be one, or a unique key is missing"),
)
_FIND = (
    (statuses.SUCCESS, "all matches were sent"),
    (statuses.PENDING, "a match"),
    (statuses.PENDING_WARNING, "a match; some keys are not supported for matching"),
    (statuses.CANCELLED, "the peer cancelled"),
    (statuses.OUT_OF_RESOURCES, "out of resources: database; retry"),
    *_REFUSALS,
)
_RETRIEVE = (
    (statuses.SUCCESS, "all sub-operations succeeded; also where nothing matches"),
    (statuses.PENDING, "a sub-operation is over; its counts"),
    (statuses.SOME_FAILED, "some failed or had warnings; Failed SOP Instance UID List"),
    (statuses.CANCELLED, "the peer cancelled; its counts"),
    (statuses.UNABLE_TO_COUNT, "out of resources: unable to calculate the number of matches"),
    (statuses.ALL_FAILED, "all sub-operations failed, or the destination can't be reached"),
    *_REFUSALS,
)
_MOVE = (
    *_RETRIEVE,
    (statuses.UNKNOWN_DESTINATION, "the move destination is not registered as one"),
)
_COMMITMENT = (
    (statuses.SUCCESS, "the request is kept; the report follows on an association to the peer"),
    (statuses.NO_SUCH_INSTANCE, "not the well-known SOP instance"),
    (statuses.INVALID_ARGUMENT, "no Transaction UID, no references, or too many"),
    (statuses.NO_SUCH_ACTION, "not action type 1"),
    (statuses.DUPLICATE_TRANSACTION, "the Transaction UID is in use for other objects"),
    (statuses.NOT_AUTHORIZED, "the peer may not store"),
)


@dataclass(frozen=True)
class NetworkService:
    """A DIMSE service: who has which role, and what can be answered."""

    name: str
    role: str
    sop_classes: tuple[str, ...]
    transfer_syntaxes: tuple[str, ...]
    statuses: tuple[tuple[int, str], ...] = ()
    needs: str = ""


def network_services() -> tuple[NetworkService, ...]:
    """List what the listener serves (SCP) and what the archive asks of its peers (SCU)."""
    storage = tuple(sorted(contexts.STORAGE_CLASSES))
    every = tuple(sorted(contexts.TRANSFER_SYNTAXES))
    plain, check = contexts.PLAIN, (contexts.VERIFICATION,)
    find, get, move = (
        tuple(sorted(uids))
        for uids in (contexts.QUERY_CLASSES, contexts.GET_CLASSES, contexts.MOVE_CLASSES)
    )
    commitment = (contexts.COMMITMENT,)
    return (
        NetworkService("Verification (C-ECHO)", "SCP", check, every),
        NetworkService("Storage (C-STORE)", "SCP", storage, every, _STORE, "store"),
        NetworkService("Query (C-FIND)", "SCP", find, plain, _FIND, "query"),
        NetworkService("Retrieve (C-GET)", "SCP", get, plain, _RETRIEVE, "retrieve"),
        NetworkService("Retrieve (C-MOVE)", "SCP", move, plain, _MOVE, "retrieve"),
        NetworkService(
            "Storage commitment (N-ACTION, N-EVENT-REPORT)",
            "SCP",
            commitment,
            plain,
            _COMMITMENT,
            "store",
        ),
        NetworkService("Verification (C-ECHO)", "SCU", check, plain),
        NetworkService("Storage (C-STORE)", "SCU", storage, every),
        NetworkService("Query (C-FIND)", "SCU", find, plain),
        NetworkService("Retrieve (C-GET)", "SCU", (contexts.STUDY_GET,), plain),
        NetworkService("Retrieve (C-MOVE)", "SCU", (contexts.STUDY_MOVE,), plain),
    )

"""C-FIND: patients, studies, series, instances, and the modality worklist (PS3.4 C.4.1, K.4.1)."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from archive.audit.services import record_query
from archive.dimse.contexts import PATIENT_ROOT, WORKLIST_FIND
from archive.dimse.operations import PENDING, account_of
from archive.dimse.statuses import CANCELLED, PENDING_WARNING, SUCCESS
from archive.errors import InvalidRequestError, NotAllowedError
from archive.query.find import LEVELS, find
from archive.query.types import Level
from archive.scheduling.selectors import matching, unsupported_keys

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from pydicom.dataset import Dataset

    from archive.dimse.operations import Operation
    from archive.models import Peer

MAX_KEYS = 500
_ACTS = {
    Level.PATIENT: "find-patient",
    Level.STUDY: "find-study",
    Level.SERIES: "find-series",
    Level.INSTANCE: "find-instance",
}
# SOP Class Extended Negotiation (PS3.4 C.5.1.1.1): relational queries, combined date and time,
# fuzzy matching of names. Relational queries are served whether negotiated or not.
NEGOTIABLE = bytes([1, 1, 1])


def serve_find(operation: Operation) -> None:
    """Answer a C-FIND: one response for each match, as it is read, and one at the end."""
    with operation.database():
        peer = operation.peer()
        if not peer.may_query:
            raise NotAllowedError("This peer may not query.")
        keys = operation.dataset(operation.request.Identifier)
        if len(keys) > MAX_KEYS:
            raise InvalidRequestError("The query has too many keys.")
        answers, status = _answers(operation, peer, keys)
        # Ended before the connection is another's, also where the peer wants no more.
        with closing(answers):
            for answer in answers:
                if not operation.is_alive:
                    return
                if operation.is_cancelled:
                    operation.respond(CANCELLED)
                    return
                operation.respond(status, identifier=answer)
    operation.respond(SUCCESS)


def _answers(
    operation: Operation, peer: Peer, keys: Dataset
) -> tuple[Generator[Dataset, None, None], int]:
    """Return the matches, and with which status each is sent."""
    user = account_of(peer)
    if operation.sop_class_uid == WORKLIST_FIND:
        entries = matching(user, keys)
        _record(operation, peer, "find-worklist", keys)
        return _each(entries), PENDING_WARNING if unsupported_keys(keys) else PENDING
    level = _level(operation.sop_class_uid, keys)
    found = find(
        user=user,
        level=level,
        keys=keys,
        retrieve_ae_title=str(operation.association.ae.ae_title),
        **_negotiated(operation),
    )
    _record(operation, peer, _ACTS[level], keys)
    return _each(found), PENDING_WARNING if found.unsupported else PENDING


def _each(found: Iterable[Dataset]) -> Generator[Dataset, None, None]:
    yield from found


def _level(model: str, keys: Dataset) -> Level:
    name = str(keys.get("QueryRetrieveLevel") or "").strip()
    level = LEVELS.get(name)
    if level is None:
        message = "The Query/Retrieve Level is missing or unknown."
        raise InvalidRequestError(message, code="identifier-mismatch")
    if level is Level.PATIENT and model not in PATIENT_ROOT:
        message = "The study root model has no level PATIENT."
        raise InvalidRequestError(message, code="identifier-mismatch")
    return level


def _negotiated(operation: Operation) -> dict[str, bool]:
    asked = operation.association.requestor.sop_class_extended.get(operation.sop_class_uid, b"")
    flags = bytes(asked).ljust(len(NEGOTIABLE), b"\0")
    return {"is_datetime_combined": flags[1] == 1, "is_fuzzy": flags[2] == 1}


def _record(operation: Operation, peer: Peer, what: str, keys: Dataset) -> None:
    """Write down that it was asked, before the first answer leaves; which keys, no values."""
    names = sorted(element.keyword or str(element.tag) for element in keys)[:50]
    record_query(operation.asker(peer), what=what, details={"peer": peer.ae_title, "keys": names})

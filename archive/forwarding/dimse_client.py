"""The archive as a client of its peers: echo, query, fetch, send, and answer for what it keeps.

Everything raises `PeerError`: retriable where the peer did not answer, not so where it refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pynetdicom import StoragePresentationContexts, build_role, evt
from pynetdicom.presentation import build_context

from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from archive.errors import PeerError, PeerRefusedError, PeerUnreachableError
from archive.forwarding.dimse_association import MAX_CONTEXTS, associate
from archive.forwarding.dimse_outgoing import OutgoingInstance
from archive.forwarding.dimse_sending import send_files
from archive.forwarding.types import FetchCounts, SendOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pynetdicom.association import Association

    from archive.models import Instance, Peer
    from archive.storage.types import SpoolFile

VERIFICATION = "1.2.840.10008.1.1"
PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
COMMITMENT = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
MOST_ANSWERS = 500
_PLAIN = [EXPLICIT_LITTLE, IMPLICIT_LITTLE]
_PENDING = frozenset({0xFF00, 0xFF01})
_CANCELLED = 0xFE00
# What compressed images are most often stored in; what a peer can't decode, it sends as it is.
_COMPRESSED = [
    f"1.2.840.10008.1.2.4.{number}" for number in ("70", "57", "90", "91", "80", "81", "50", "51")
] + ["1.2.840.10008.1.2.5"]


def echo(peer: Peer) -> str:
    """Ask whether the peer answers; return why not, or nothing."""
    try:
        with associate(peer, [build_context(VERIFICATION, _PLAIN)]) as association:
            answer = association.send_c_echo()
    except PeerError as error:
        return error.message
    status = answer.get("Status")
    if status is None:
        return f"{peer.ae_title} did not answer the echo."
    return "" if status == 0 else f"{peer.ae_title} answers the echo with {status:04X}H."


def send(peer: Peer, instances: Sequence[Instance]) -> Iterator[SendOutcome]:
    """Send instances by C-STORE; each outcome comes as soon as the peer has answered.

    Parameters
    ----------
    peer
        from the register; the transfer syntaxes of its entry are offered, else each instance's own
    instances
        with their blobs; rights were checked by the caller

    Raises
    ------
    PeerUnreachableError, PeerRefusedError
        There was no association, before the first outcome.
    """
    for outcome in send_files(peer, [OutgoingInstance(instance) for instance in instances]):
        yield SendOutcome(
            outcome.sop_instance_uid,
            is_sent=outcome.is_sent,
            message=outcome.message,
            is_retriable=outcome.is_retriable,
        )


def find(
    peer: Peer,
    level: str,
    keys: Mapping[str, str] | Dataset,
    *,
    limit: int = MOST_ANSWERS,
) -> list[Dataset]:
    """Query a peer.

    Parameters
    ----------
    peer
        from the register
    level
        ``PATIENT``, ``STUDY``, ``SERIES``, ``IMAGE``, or ``WORKLIST`` for its modality worklist
    keys
        matching keys with their values by keyword, return keys empty; or an identifier
    limit
        answers wanted; then the query is cancelled

    Raises
    ------
    PeerUnreachableError, PeerRefusedError
        There is no answer, or a refusal.
    """
    model = {"PATIENT": PATIENT_FIND, "WORKLIST": WORKLIST_FIND}.get(level, STUDY_FIND)
    asked = _identifier(keys, "" if level == "WORKLIST" else level)
    found: list[Dataset] = []
    with associate(peer, [build_context(model, _PLAIN)]) as association:
        for status, answer in association.send_c_find(asked, model, msg_id=1):
            code = _code(status, peer, "query")
            if code in _PENDING and answer is not None and len(found) < limit:
                found.append(answer)
                if len(found) == limit:
                    association.send_c_cancel(1, query_model=model)
            elif code not in _PENDING and code not in {0, _CANCELLED}:
                raise _refused(peer, "query", status)
    return found


def get(
    peer: Peer,
    study_instance_uid: str,
    on_instance: Callable[[SpoolFile], None],
    *,
    series_instance_uid: str = "",
    sop_class_uids: Sequence[str] = (),
) -> FetchCounts:
    """Fetch a study, or one series of it, by C-GET.

    Parameters
    ----------
    peer
        from the register
    study_instance_uid, series_instance_uid
        what is fetched
    on_instance
        takes each instance as a Part 10 spool file, which is discarded after the call; what it
        raises ends the fetch and comes out here
    sop_class_uids
        what the study holds, where that is known: then compressed instances come as they are

    Raises
    ------
    PeerUnreachableError, PeerRefusedError
        There is no answer, or a refusal.
    """
    uids = list(sop_class_uids)[: MAX_CONTEXTS // 2 - 1] or _storage_classes()
    contexts = [build_context(STUDY_GET, _PLAIN), *_storage_contexts(uids)]
    roles = [build_role(uid, scp_role=True) for uid in uids]
    keeper = _Keeper(on_instance)
    handlers = [(evt.EVT_C_STORE, keeper.handle_c_store)]
    asked = _study_keys(study_instance_uid, series_instance_uid)
    with associate(peer, contexts, negotiation=roles, handlers=handlers) as association:
        if not any(
            context.abstract_syntax == STUDY_GET for context in association.accepted_contexts
        ):
            raise PeerRefusedError(f"{peer.ae_title} takes no C-GET.")
        answers = association.send_c_get(asked, STUDY_GET, msg_id=1)
        return _counts(peer, answers, keeper)


def move(
    peer: Peer, study_instance_uid: str, destination: str, *, series_instance_uid: str = ""
) -> FetchCounts:
    """Have a peer send a study, or one series of it, to an AE that it knows (C-MOVE).

    Raises
    ------
    PeerUnreachableError, PeerRefusedError
        There is no answer, or a refusal.
    """
    asked = _study_keys(study_instance_uid, series_instance_uid)
    with associate(peer, [build_context(STUDY_MOVE, _PLAIN)]) as association:
        answers = association.send_c_move(asked, destination, STUDY_MOVE, msg_id=1)
        return _counts(peer, answers)


def report_commitment(
    peer: Peer,
    *,
    transaction_uid: str,
    committed: Iterable[tuple[str, str]],
    failed: Iterable[tuple[str, str, int]],
) -> None:
    """Tell a peer what the archive answers for (N-EVENT-REPORT, PS3.4 J.3.3).

    Parameters
    ----------
    peer
        who asked
    transaction_uid
        of its request
    committed
        SOP Class UID and SOP Instance UID of each
    failed
        the same and the Failure Reason

    Raises
    ------
    PeerUnreachableError, PeerRefusedError
        It could not be told.
    """
    report = commitment_report(transaction_uid, committed, failed)
    kind = 2 if "FailedSOPSequence" in report else 1
    role = build_role(COMMITMENT, scu_role=False, scp_role=True)
    context = build_context(COMMITMENT, _PLAIN)
    with associate(peer, [context], negotiation=[role]) as association:
        status, _ = _event_report(association, report, kind)
        if _code(status, peer, "report") != 0:
            raise _refused(peer, "report", status)


def _event_report(association: Association, report: Dataset, kind: int) -> tuple[Dataset, Any]:
    return association.send_n_event_report(report, kind, COMMITMENT, COMMITMENT_INSTANCE)


def commitment_report(
    transaction_uid: str,
    committed: Iterable[tuple[str, str]],
    failed: Iterable[tuple[str, str, int]],
) -> Dataset:
    """Return the Event Information of a report (PS3.4 table J.3-2)."""
    report = Dataset()
    report.TransactionUID = transaction_uid
    good = [_reference(*item) for item in committed]
    bad = [_reference(*item) for item in failed]
    if good:
        report.ReferencedSOPSequence = DicomSequence(good)
    if bad:
        report.FailedSOPSequence = DicomSequence(bad)
    return report


def _reference(sop_class_uid: str, sop_instance_uid: str, reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    if reason is not None:
        item.FailureReason = reason
    return item


def _identifier(keys: Mapping[str, str] | Dataset, level: str) -> Dataset:
    asked = Dataset()
    if isinstance(keys, Dataset):
        asked.update(keys)
    else:
        for keyword, value in keys.items():
            setattr(asked, keyword, value)
    if level:
        asked.QueryRetrieveLevel = level
    if "SpecificCharacterSet" not in asked:
        asked.SpecificCharacterSet = "ISO_IR 192"
    return asked


def _study_keys(study_instance_uid: str, series_instance_uid: str) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = "SERIES" if series_instance_uid else "STUDY"
    keys.StudyInstanceUID = study_instance_uid
    if series_instance_uid:
        keys.SeriesInstanceUID = series_instance_uid
    return keys


def _storage_classes() -> list[str]:
    """List the storage classes of the standard, as many as one association proposes."""
    uids = [str(context.abstract_syntax) for context in StoragePresentationContexts]
    return uids[: MAX_CONTEXTS - 1]


def _storage_contexts(uids: list[str]) -> list[Any]:
    """Propose each class uncompressed, and as many compressed syntaxes as there is room for."""
    contexts = [build_context(uid, _PLAIN) for uid in uids]
    for syntax in _COMPRESSED:
        if len(contexts) + len(uids) >= MAX_CONTEXTS:
            break
        contexts += [build_context(uid, syntax) for uid in uids]
    return contexts


class _Keeper:
    """Hands on what arrives; the first error ends it, outside pynetdicom's own threads."""

    def __init__(self, on_instance: Callable[[SpoolFile], None]) -> None:
        self._on_instance = on_instance
        self.error: Exception | None = None
        self.received = 0

    def handle_c_store(self, event: evt.Event) -> int:
        """Return the status of the answer."""
        received: Any = event.request._dataset_file  # noqa: SLF001 no public name
        if received is None or self.error is not None:
            return 0xC000 if received is None else 0xA700
        try:
            self._on_instance(received.spool)
        except Exception as error:  # noqa: BLE001 raised again where the fetch was asked for
            self.error = error
            return 0xA700
        finally:
            received.close()
        self.received += 1
        return 0


def _counts(
    peer: Peer, answers: Iterator[tuple[Dataset, Dataset | None]], keeper: _Keeper | None = None
) -> FetchCounts:
    """Follow the answers to a C-GET or C-MOVE to their end."""
    for status, _ in answers:
        if keeper is not None and keeper.error is not None:
            raise keeper.error
        code = _code(status, peer, "fetch")
        if code in _PENDING:
            continue
        completed = int(status.get("NumberOfCompletedSuboperations") or 0)
        completed += int(status.get("NumberOfWarningSuboperations") or 0)
        counts = FetchCounts(
            received=completed if keeper is None else keeper.received,
            failed=int(status.get("NumberOfFailedSuboperations") or 0),
            message="" if code == 0 else _text(peer, "fetch", status),
        )
        if code >> 12 == 0xB or code == 0 or counts.received:
            return counts
        raise _refused(peer, "fetch", status)
    raise PeerUnreachableError(f"{peer.ae_title} did not answer the fetch.")


def _code(status: Dataset, peer: Peer, act: str) -> int:
    if "Status" not in status:
        raise PeerUnreachableError(f"{peer.ae_title} did not answer the {act}.")
    return int(status.Status)


def _text(peer: Peer, act: str, status: Dataset) -> str:
    comment = str(status.get("ErrorComment") or "")[:64]
    return f"{peer.ae_title} answers the {act} with {status.Status:04X}H {comment}".strip() + "."


def _refused(peer: Peer, act: str, status: Dataset) -> PeerError:
    return PeerRefusedError(_text(peer, act, status))

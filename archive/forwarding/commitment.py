"""Storage commitment: the archive answers for objects after reading them again (PS3.4 J).

The request is kept before it is acknowledged. Every object's bytes are read and compared with
their digest before the report says that they are safe; a report that can't be delivered is tried
again for a day.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from archive.access.projects import unassigned_project
from archive.audit.associations import record_commitment
from archive.audit.types import Asker
from archive.errors import InvalidRequestError, PeerError, SopInstanceConflictError
from archive.forwarding.dimse_client import report_commitment
from archive.ingest.verification import Verdict, verify_blob
from archive.models import AuditEvent, Instance, StorageCommitment, Study

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.db.models import QuerySet

    from archive.models import Peer

logger = logging.getLogger(__name__)

# Failure Reason (0008,1197), PS3.3 C.14.1.1
PROCESSING_FAILURE = 0x0110
NO_SUCH_OBJECT = 0x0112
CLASS_CONFLICT = 0x0119
RESOURCE_LIMITATION = 0x0213
MAX_REFERENCES = 20_000
LEASE = timedelta(minutes=35)
# Minutes until the next try; after the last the report is given up.
BACK_OFF_MINUTES = (1, 2, 5, 15, 30, 60, 120, 240, 480, 480)
_BATCH = 500
_OPEN = (StorageCommitment.State.REQUESTED, StorageCommitment.State.CHECKED)


def request_commitment(
    *, peer: Peer, transaction_uid: str, references: Sequence[tuple[str, str]]
) -> StorageCommitment:
    """Keep a peer's request; asked again with the same objects, it is answered again.

    Parameters
    ----------
    peer
        who asks
    transaction_uid
        of the request
    references
        SOP Class UID and SOP Instance UID of each object

    Raises
    ------
    InvalidRequestError
        It names no object, or too many.
    SopInstanceConflictError
        The transaction UID is in use for something else.
    """
    if not references or len(references) > MAX_REFERENCES:
        message = f"A request names from one to {MAX_REFERENCES} objects."
        raise InvalidRequestError(message)
    requested = [
        {"sop_class_uid": class_uid, "sop_instance_uid": uid} for class_uid, uid in references
    ]
    try:
        with transaction.atomic():
            return StorageCommitment.objects.create(
                transaction_uid=transaction_uid,
                peer=peer,
                requested=requested,
                # Whoever has no port to be called at is told on its own association.
                not_before=timezone.now() + (timedelta() if peer.port else LEASE),
            )
    except IntegrityError:
        return _asked_again(peer, transaction_uid, requested)


def _asked_again(
    peer: Peer, transaction_uid: str, requested: list[dict[str, str]]
) -> StorageCommitment:
    with transaction.atomic():
        row = StorageCommitment.objects.select_for_update().get(transaction_uid=transaction_uid)
        if row.peer_id != peer.pk or row.requested != requested:
            message = "The Transaction UID is in use."
            raise SopInstanceConflictError(message, code="duplicate-transaction")
        if row.state not in _OPEN:
            row.state, row.attempts = StorageCommitment.State.REQUESTED, 0
            row.not_before = timezone.now()
            row.save(update_fields=["state", "attempts", "not_before"])
    return row


def due_commitments(*, limit: int = 20) -> list[int]:
    """Take the requests that are to be worked on now; each is another worker's after the lease."""
    now = timezone.now()
    with transaction.atomic():
        rows = StorageCommitment.objects.select_for_update(skip_locked=True)
        due = rows.filter(state__in=_OPEN, not_before__lte=now).order_by("not_before")[:limit]
        keys = [row.pk for row in due]
        StorageCommitment.objects.filter(pk__in=keys).update(not_before=now + LEASE)
    return keys


def answer_commitment(commitment_id: int) -> bool:
    """Check what a request names, and report; return whether the peer has its report."""
    row = StorageCommitment.objects.select_related("peer__account", "peer__project").get(
        pk=commitment_id
    )
    if row.state not in _OPEN:
        return row.state == StorageCommitment.State.REPORTED
    if row.state == StorageCommitment.State.REQUESTED:
        check_commitment(row)
    try:
        committed, failed = outcome_of(row)
        report_commitment(
            row.peer, transaction_uid=row.transaction_uid, committed=committed, failed=failed
        )
    except PeerError as error:
        _put_off(row, error)
        return False
    note_reported(row)
    return True


def check_commitment(row: StorageCommitment) -> None:
    """Read again every object that the request names, and keep what was found."""
    references = [(item["sop_class_uid"], item["sop_instance_uid"]) for item in row.requested]
    row.failed = [
        {"sop_class_uid": class_uid, "sop_instance_uid": uid, "failure_reason": reason}
        for class_uid, uid, reason in _failures(row.peer, references)
    ]
    row.state = StorageCommitment.State.CHECKED
    with transaction.atomic():
        row.save(update_fields=["failed", "state"])
        record_commitment(
            Asker(door="dimse", name=row.peer.ae_title, address=row.peer.address),
            transaction_uid=row.transaction_uid,
            committed=len(row.requested) - len(row.failed),
            failed=len(row.failed),
        )


def outcome_of(
    row: StorageCommitment,
) -> tuple[list[tuple[str, str]], list[tuple[str, str, int]]]:
    """Return what a checked request may be told: objects that are safe, and the others."""
    failed = [
        (item["sop_class_uid"], item["sop_instance_uid"], int(item["failure_reason"]))
        for item in row.failed
    ]
    bad = {(class_uid, uid) for class_uid, uid, _ in failed}
    asked = ((item["sop_class_uid"], item["sop_instance_uid"]) for item in row.requested)
    return [pair for pair in dict.fromkeys(asked) if pair not in bad], failed


def note_reported(row: StorageCommitment) -> None:
    """Keep that the peer has its report."""
    row.state, row.reported_at, row.message = StorageCommitment.State.REPORTED, timezone.now(), ""
    row.save(update_fields=["state", "reported_at", "message"])


def _put_off(row: StorageCommitment, error: PeerError) -> None:
    row.message = error.message[:500]
    if row.attempts < len(BACK_OFF_MINUTES):
        row.not_before = timezone.now() + timedelta(minutes=BACK_OFF_MINUTES[row.attempts])
    else:
        row.state = StorageCommitment.State.FAILED
    row.attempts += 1
    row.save(update_fields=["message", "not_before", "state", "attempts"])
    logger.warning("storage commitment report not delivered: %s", error.code)


def _failures(peer: Peer, references: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    unique = list(dict.fromkeys(references))
    for start in range(0, len(unique), _BATCH):
        batch = unique[start : start + _BATCH]
        rows = Instance.objects.select_related("blob", "series").exclude(withheld="deleted")
        named = rows.filter(sop_instance_uid__in=[uid for _, uid in batch])
        within = _within_rights(peer, named)
        found = {row.sop_instance_uid: row for row in named if row.pk in within}
        for class_uid, uid in batch:
            reason = _failure_reason(found.get(uid), class_uid)
            if reason:
                yield class_uid, uid, reason


def _within_rights(peer: Peer, named: QuerySet[Instance]) -> set[int]:
    """Return the keys of what a peer may be told of; the rest is not there for it.

    It may of what its account sees, of studies in its own project, and of those that it has
    stored something to itself: who sends an image may ask whether it is safe.
    """
    project = peer.project or unassigned_project()
    stored = AuditEvent.objects.filter(
        act="store",
        door="dimse",
        actor_name=peer.ae_title,
        study_instance_uid=OuterRef("study_instance_uid"),
    )
    studies = Study.objects.filter(Q(projects=project) | Q(Exists(stored)))
    studies = studies.filter(series__instances__in=named.values("pk"))
    own = set(named.filter(series__study__in=studies.values("pk")).values_list("pk", flat=True))
    account = peer.account
    if account is None or not account.is_active:
        return own
    seen = Instance.objects.visible_to(account).filter(pk__in=named.values("pk"))
    return own | set(seen.values_list("pk", flat=True))


def _failure_reason(instance: Instance | None, sop_class_uid: str) -> int:
    if instance is None:
        return NO_SUCH_OBJECT
    if instance.sop_class_uid != sop_class_uid:
        return CLASS_CONFLICT
    verdict = verify_blob(instance.blob).verdict
    if verdict is Verdict.UNREADABLE:
        return RESOURCE_LIMITATION
    return 0 if verdict is Verdict.GOOD else PROCESSING_FAILURE

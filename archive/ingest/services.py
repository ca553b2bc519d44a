"""The one way in: spool, examine, keep, record, announce, answer."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    transaction,
)

from archive.audit import services as audit
from archive.errors import ArchiveError, InvalidInstanceError, StorageError
from archive.events.services import publish
from archive.events.types import InstancesStored
from archive.ingest.examining import Candidate, examine
from archive.ingest.quarantine import quarantine_file
from archive.ingest.quotas import has_quotas, over_quota
from archive.ingest.recording import BatchRecorder
from archive.ingest.refusals import refuse_file
from archive.ingest.scanning import virus_scanner
from archive.ingest.statement import known_digests, store_plain
from archive.ingest.types import IncomingFile, IngestResult, Origin, Outcome
from archive.models import Blob
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from archive.errors import QuotaExceededError

ResultT = TypeVar("ResultT")
logger = logging.getLogger(__name__)

_ATTEMPTS = 4
# Serialization failure, deadlock, and a unique key that another batch took first.
_RETRIED_STATES = {"40001", "40P01", "23505"}


@dataclass
class _Batch:
    files: list[IncomingFile]
    origin: Origin
    candidates: list[Candidate] = field(default_factory=list)
    refusals: dict[int, ArchiveError] = field(default_factory=dict)
    duplicates: set[int] = field(default_factory=set)
    stored: set[int] = field(default_factory=set)
    over_quota: dict[int, QuotaExceededError] = field(default_factory=dict)

    @property
    def left(self) -> list[Candidate]:
        """What is still to be recorded."""
        done = self.duplicates | self.over_quota.keys() | self.stored
        return [c for c in self.candidates if c.position not in done]


def ingest_files(*, files: Iterable[IncomingFile], origin: Origin) -> list[IngestResult]:
    """Archive the files of one request: all sound ones in one transaction, each with its result.

    Bytes are durable and rows committed before this returns. The same instance again is a
    success that changes nothing. What can't be archived goes to quarantine with its reason and
    never rolls back its siblings.

    Parameters
    ----------
    files
        spooled files, still owned (and closed) by the caller
    origin
        door, actor, project

    Returns
    -------
    one result a file, in the order of the files

    References
    ----------
    DESIGN section 1; the order of a store is RELIABILITY section 1, points 1 to 7.
    """
    batch = _Batch(files=list(files), origin=origin)
    if not batch.files:
        return []
    for position, file in enumerate(batch.files):
        try:
            batch.candidates.append(examine(position, file))
        except InvalidInstanceError as error:
            batch.refusals[position] = error
    _refuse_identities(batch)
    try:
        _refuse_infected(batch)
        if has_quotas():
            _set_known_duplicates(batch)
            _set_over_quota(batch)
        recorder = _commit(batch)
    except StorageError as error:
        logger.warning("batch not stored", extra={"code": error.code, "files": len(batch.files)})
        return _failed(batch, error)
    except (OperationalError, InterfaceError):
        logger.exception("database not reachable while storing")
        message = "The archive's database can't be reached; try again."
        return _failed(batch, StorageError(message, code="database-unavailable"))
    except DataError:
        # Not logged: the database's words may show a patient's.
        return _one_by_one(batch)
    return _results(batch, recorder)


def _refuse_identities(batch: _Batch) -> None:
    """Keep what names a patient out of a project where researchers work."""
    project = batch.origin.project
    if project is None or not project.is_deidentified:
        return
    message = "The project takes images without identity only: Patient Identity Removed is not YES."
    for candidate in batch.candidates:
        if not candidate.is_deidentified:
            error = InvalidInstanceError(message, code="names-patient")
            batch.refusals[candidate.position] = error
    batch.candidates = [one for one in batch.candidates if one.is_deidentified]


def _refuse_infected(batch: _Batch) -> None:
    """Keep out what the site's virus scanner finds, if there is one; it sees what was refused, too.

    Raises
    ------
    StorageError
        It could not be asked.
    """
    scanner = virus_scanner()
    if scanner is None:
        return
    for position, file in enumerate(batch.files):
        if file.spool.size and (error := scanner.find(file.spool.path)) is not None:
            batch.refusals[position] = error
    batch.candidates = [one for one in batch.candidates if one.position not in batch.refusals]


def _one_by_one(batch: _Batch) -> list[IngestResult]:
    """Store each file alone where the database can't hold a value of one of them."""
    if len(batch.files) > 1:
        return [ingest_files(files=[file], origin=batch.origin)[0] for file in batch.files]
    message = "The instance holds a value that the archive can't index."
    error = InvalidInstanceError(message, code="invalid-value")
    try:
        return [refuse_file(file=batch.files[0], error=error, origin=batch.origin)]
    except StorageError as storage_error:
        return _failed(batch, storage_error)


def _set_known_duplicates(batch: _Batch) -> None:
    """Spare the disk: what is archived with the same content needs no second write."""
    left = batch.left
    known = known_digests([c.sop_instance_uid for c in left])
    asked = batch.origin.study_instance_uid
    batch.duplicates |= {
        c.position
        for c in left
        if known.get(c.sop_instance_uid) == c.dataset_sha256 and asked in {"", c.study_instance_uid}
    }


def _set_over_quota(batch: _Batch) -> None:
    """Refuse what a project has no room for before a byte of it is kept; the sender has it."""
    batch.over_quota = over_quota(batch.left, batch.origin)
    if batch.over_quota:
        logger.warning("over quota", extra={"files": len(batch.over_quota)})
        audit.record_import(
            batch.origin.asker, study_instance_uids=[], stored=0, refused=len(batch.over_quota)
        )


def _commit(batch: _Batch) -> BatchRecorder:
    """Write what is plain in one statement, and decide on the rest in a transaction."""
    _store_plain(batch)
    if batch.left:
        # Hardly ever: what is new has been stored without asking what is known.
        _set_known_duplicates(batch)
        if batch.duplicates:
            _store_plain(batch)
    left = batch.left
    if left or batch.refusals:
        _keep_bytes(batch, left)
        recorder: BatchRecorder = _again_on_lost_race(lambda: _record(batch, left))
        return recorder
    return BatchRecorder(batch.origin)


def _store_plain(batch: _Batch) -> None:
    left = batch.left
    if left:
        batch.stored |= _again_on_lost_race(lambda: store_plain(left, batch.origin))


def _keep_bytes(batch: _Batch, candidates: list[Candidate]) -> None:
    """Make durable what will have a row: new instances, and refused bytes for the quarantine."""
    positions = {c.position for c in candidates} | batch.refusals.keys()
    spools = [batch.files[position].spool for position in sorted(positions)]
    blob_store().keep(spool for spool in spools if spool.size)


def _again_on_lost_race(work: Callable[[], ResultT]) -> ResultT:
    """Do the work, and again where another batch was quicker with the same rows."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return work()
        except (IntegrityError, OperationalError) as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state not in _RETRIED_STATES or attempt == _ATTEMPTS:
                raise _as_storage_error(error) from error
            # Jitter, so that the two of a race don't meet again.
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 no secret
    message = "The archive is busy with the same study; try again."
    raise StorageError(message, code="database-busy")


def _as_storage_error(error: DatabaseError) -> Exception:
    if isinstance(error, OperationalError):
        return error
    message = "The archive is busy with the same instance; try again."
    return StorageError(message, code="database-busy")


@transaction.atomic
def _record(batch: _Batch, candidates: list[Candidate]) -> BatchRecorder:
    """Write rows, quarantine, audit and outbox in one transaction."""
    recorder = BatchRecorder(batch.origin)
    recorder.record(candidates)
    _keep_purged(c for c in candidates if c.position not in recorder.refusals)
    _mend_damaged(c for c in candidates if c.position in recorder.duplicates)
    _quarantine(batch, recorder)
    if recorder.stored:
        event = InstancesStored(
            instance_ids=[instance.pk for instance in recorder.stored],
            series_ids=sorted(recorder.series_ids),
            study_ids=sorted(recorder.study_ids),
        )
        publish(event)
    refused = len(batch.refusals) + len(recorder.refusals)
    if recorder.stored or refused:
        recorded = set(recorder.refusals) | recorder.duplicates
        uids = {c.study_instance_uid for c in candidates if c.position not in recorded}
        audit.record_import(
            batch.origin.asker,
            study_instance_uids=sorted(uids),
            stored=len(recorder.stored),
            refused=refused,
        )
    return recorder


def _keep_purged(candidates: Iterable[Candidate]) -> None:
    """Keep again what was discarded before and purged in between: now its rows are held."""
    store = blob_store()
    spools = [candidate.file.spool for candidate in candidates]
    missing = [spool for spool in spools if not store.exists(spool.sha256)]
    if missing:
        store.keep(missing)


def _mend_damaged(duplicates: Iterable[Candidate]) -> None:
    """Say that the bytes of archived instances are good again: they came, and were kept, anew."""
    digests = [candidate.file.spool.sha256 for candidate in duplicates]
    if digests:
        rows = Blob.objects.filter(sha256__in=digests).exclude(state=Blob.State.STORED)
        rows.update(state=Blob.State.STORED)


def _quarantine(batch: _Batch, recorder: BatchRecorder) -> None:
    for position, error in batch.refusals.items():
        quarantine_file(file=batch.files[position], error=error, origin=batch.origin)
    by_position = {c.position: c for c in batch.candidates}
    for position, error in recorder.refusals.items():
        quarantine_file(
            file=batch.files[position],
            error=error,
            origin=batch.origin,
            sop_instance_uid=by_position[position].sop_instance_uid,
            study_instance_uid=by_position[position].study_instance_uid,
        )


def _results(batch: _Batch, recorder: BatchRecorder) -> list[IngestResult]:
    by_position = {c.position: c for c in batch.candidates}
    refusals = {**batch.refusals, **recorder.refusals, **batch.over_quota}
    results = []
    for position, file in enumerate(batch.files):
        outcome = Outcome.STORED
        if position in batch.over_quota:
            outcome = Outcome.FAILED
        elif position in refusals:
            outcome = Outcome.QUARANTINED
        elif position in batch.duplicates or position in recorder.duplicates:
            outcome = Outcome.DUPLICATE
        results.append(_result(file, by_position.get(position), outcome, refusals.get(position)))
    return results


def _failed(batch: _Batch, error: ArchiveError) -> list[IngestResult]:
    """Say of each file that it was not taken, but for those committed before."""
    by_position = {c.position: c for c in batch.candidates}
    return [
        _result(file, by_position.get(position), Outcome.STORED, None)
        if position in batch.stored
        else _result(file, by_position.get(position), Outcome.FAILED, error)
        for position, file in enumerate(batch.files)
    ]


def _result(
    file: IncomingFile, candidate: Candidate | None, outcome: Outcome, error: ArchiveError | None
) -> IngestResult:
    if candidate is None:
        return IngestResult(outcome=outcome, name=file.name, error=error)
    return IngestResult(
        outcome=outcome,
        name=file.name,
        sop_instance_uid=candidate.sop_instance_uid,
        sop_class_uid=candidate.attributes.instance.sop_class_uid,
        study_instance_uid=candidate.study_instance_uid,
        series_instance_uid=candidate.series_instance_uid,
        error=error,
        warnings=candidate.attributes.cleaned,
        coerced=candidate.coerced,
    )

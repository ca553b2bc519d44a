"""Files of the inbox into the archive, by the one way in; what became of each is put down."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from archive.errors import ArchiveError, LimitExceededError
from archive.inbox import spool
from archive.inbox.errors import NotNowError
from archive.inbox.outlook import origin_of
from archive.inbox.types import DUPLICATE, NEW, QUARANTINE, REFUSED, WRAPPED_KINDS, ZIP
from archive.inbox.wrapping import wrapped_objects
from archive.ingest.refusals import refuse_file
from archive.ingest.scanning import virus_scanner
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, IngestResult, Outcome
from archive.models import Quarantine, UploadFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archive.ingest.types import Origin
    from archive.models import UploadBatch

BATCH_FILES, BATCH_BYTES = 40, 128 * 1024 * 1024
_State = UploadFile.State
_STATES = {
    Outcome.STORED: (_State.STORED, NEW),
    Outcome.DUPLICATE: (_State.DUPLICATE, DUPLICATE),
    Outcome.QUARANTINED: (_State.QUARANTINED, QUARANTINE),
}


def store_some(batch: UploadBatch, *, one_at_a_time: bool = False) -> bool:
    """Store some of what is left; False where nothing is.

    Raises
    ------
    NotNowError
        The archive could not do its part. What was stored before is put down.
    """
    waiting = batch.files.filter(state=_State.RECEIVED)
    first = waiting.order_by("pk").first()
    if first is None:
        return False
    if first.kind in WRAPPED_KINDS:
        _store_wrapped(batch, first)
        return True
    rows = _fitting(
        waiting.exclude(kind__in=WRAPPED_KINDS).order_by("pk")[
            : 1 if one_at_a_time else BATCH_FILES
        ]
    )
    _store(rows, origin_of(batch))
    return True


def _fitting(rows: Iterable[UploadFile]) -> list[UploadFile]:
    taken: list[UploadFile] = []
    size = 0
    for row in rows:
        size += row.size_bytes
        if taken and size > BATCH_BYTES:
            break
        taken.append(row)
    return taken


def _store(rows: Sequence[UploadFile], origin: Origin) -> None:
    fitting = []
    limit = settings.TWINSIGHT_MAX_INSTANCE_BYTES
    for row in rows:
        if row.size_bytes > limit and row.kind != ZIP:
            _refuse(row, f"The file is larger than the limit of {limit} bytes.")
        else:
            fitting.append(row)
    with ExitStack() as spools:
        files = []
        for row in fitting:
            made = spools.enter_context(spool_stream(spool.chunks_of(row.spool_name)))
            made.begin_sync()
            files.append(IncomingFile(spool=made, name=row.name))
        results = ingest_files(files=files, origin=origin)
        digests = [file.spool.sha256 for file in files]
    _put_down(fitting, results, digests)


def _put_down(
    rows: Sequence[UploadFile], results: Sequence[IngestResult], digests: Sequence[str]
) -> None:
    """Write what became of each file, then let go of its bytes here."""
    done, failure = [], None
    with transaction.atomic():
        for row, result, sha256 in zip(rows, results, digests, strict=True):
            if result.outcome is Outcome.FAILED and result.error and result.error.retriable:
                failure = result.error
                continue
            _note(row, result, sha256)
            row.save()
            done.append(row)
    spool.discard([row.spool_name for row in done])
    if failure is not None:
        raise NotNowError(failure.message)


def _note(row: UploadFile, result: IngestResult, sha256: str) -> None:
    row.state, row.outlook = _STATES.get(result.outcome, (_State.REFUSED, REFUSED))
    row.reason = result.error.message[:500] if result.error else ""
    row.study_instance_uid = result.study_instance_uid or row.study_instance_uid
    row.series_instance_uid = result.series_instance_uid or row.series_instance_uid
    row.sop_instance_uid = result.sop_instance_uid or row.sop_instance_uid
    row.finished_at = timezone.now()
    if result.outcome is Outcome.QUARANTINED and result.error is not None:
        row.quarantine = (
            Quarantine.objects.filter(
                blob__sha256=sha256, reason_code=result.error.code, resolved_at=None
            )
            .order_by("-pk")
            .first()
        )
    if not row.reason and result.warnings:
        row.reason = f"Indexed with corrections: {', '.join(result.warnings)}"[:500]


def _refuse(row: UploadFile, reason: str) -> None:
    row.state, row.outlook, row.reason = _State.REFUSED, REFUSED, reason[:500]
    row.finished_at = timezone.now()
    row.save()
    spool.discard([row.spool_name])


def _store_wrapped(batch: UploadBatch, row: UploadFile) -> None:
    """Make DICOM objects of a file, and store those; made again, they are the same objects."""
    if not batch.wrapping:
        row.state, row.finished_at = _State.SKIPPED, timezone.now()
        row.reason = "It is no DICOM file, and nobody said what it shows."
        row.save()
        spool.discard([row.spool_name])
        return
    results: list[IngestResult] = []
    try:
        if _is_infected(batch, row):
            return
        for content in wrapped_objects(batch, row):
            with spool_stream(content, max_bytes=settings.TWINSIGHT_MAX_INSTANCE_BYTES) as made:
                file = IncomingFile(spool=made, name=row.name)
                results += ingest_files(files=[file], origin=origin_of(batch))
            if results[-1].error is not None:
                break
    except LimitExceededError as error:
        _refuse(row, error.message)
        return
    except ArchiveError as error:
        if error.retriable:
            raise NotNowError(error.message) from error
        _refuse(row, error.message)
        return
    _note_wrapped(row, results)


def _is_infected(batch: UploadBatch, row: UploadFile) -> bool:
    """Quarantine a file in which the virus scanner finds something before it becomes another's."""
    scanner = virus_scanner()
    if scanner is None:
        return False
    with spool_stream(spool.chunks_of(row.spool_name)) as made:
        made.flush()
        error = scanner.find(made.path)
        if error is None:
            return False
        file = IncomingFile(spool=made, name=row.name)
        result = refuse_file(file=file, error=error, origin=origin_of(batch))
        _note(row, result, made.sha256)
    row.save()
    spool.discard([row.spool_name])
    return True


def _note_wrapped(row: UploadFile, results: Sequence[IngestResult]) -> None:
    last = results[-1]
    if last.error is not None and last.error.retriable:
        raise NotNowError(last.error.message)
    _note(row, results[0] if last.error is None else last, "")
    if last.error is None and len(results) > 1:
        row.reason = f"It became {len(results)} instances."
    row.save()
    spool.discard([row.spool_name])

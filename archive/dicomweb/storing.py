"""Instances of one store, handed to ingest in batches, each with its own result."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from archive.dicom.reading import read_header
from archive.errors import HierarchyConflictError, InvalidInstanceError, LimitExceededError
from archive.ingest.quarantine import quarantine_without_bytes
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, IngestResult, Origin, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from archive.errors import ArchiveError
    from archive.storage.types import SpoolFile

BATCH_FILES = 100
BATCH_BYTES = 256 * 1024 * 1024


class Store:
    """The instances of a request in their order; a context that discards what was not stored.

    Parameters
    ----------
    origin
        door, actor, project
    study_instance_uid
        of the request's path; instances of other studies are refused
    """

    def __init__(self, origin: Origin, study_instance_uid: str | None = None) -> None:
        self.origin = origin
        self.results: list[IngestResult] = []
        self._study_instance_uid = study_instance_uid
        self._waiting: list[IncomingFile] = []
        self._waiting_bytes = 0
        self._spools = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._spools.close()

    def take(self, name: str, chunks: Iterable[bytes]) -> None:
        """Spool one instance and store it, now or with the next batch."""
        try:
            spool = spool_stream(chunks)
        except LimitExceededError as error:
            self._refuse(IngestResult(outcome=Outcome.QUARANTINED, name=name, error=error))
            return
        self._spools.enter_context(spool)
        mismatch = self._mismatch(name, spool)
        if mismatch is not None:
            self._refuse(mismatch, size_bytes=spool.size)
            return
        self._waiting.append(IncomingFile(spool=spool, name=name))
        self._waiting_bytes += spool.size
        if len(self._waiting) >= BATCH_FILES or self._waiting_bytes >= BATCH_BYTES:
            self._store_waiting()

    def finish(self) -> list[IngestResult]:
        """Store what still waits and return every instance's result."""
        self._store_waiting()
        return self.results

    def _store_waiting(self) -> None:
        if self._waiting:
            self.results += ingest_files(files=self._waiting, origin=self.origin)
        self._waiting, self._waiting_bytes = [], 0
        self._spools.close()

    def _mismatch(self, name: str, spool: SpoolFile) -> IngestResult | None:
        """Return the refusal of an instance that belongs to another study than the path says."""
        if self._study_instance_uid is None or not spool.size:
            return None
        spool.flush()
        try:
            ds = read_header(spool.path).ds
        except InvalidInstanceError:
            # Ingest will find the same, and keep the bytes.
            return None
        study = str(ds.StudyInstanceUID)
        if study == self._study_instance_uid:
            return None
        message = "The instance belongs to another study than the one it was sent to."
        return IngestResult(
            outcome=Outcome.QUARANTINED,
            name=name,
            sop_instance_uid=str(ds.SOPInstanceUID),
            sop_class_uid=str(ds.SOPClassUID),
            study_instance_uid=study,
            error=HierarchyConflictError(message, code="study-mismatch"),
        )

    def _refuse(self, result: IngestResult, *, size_bytes: int = 0) -> None:
        self._store_waiting()
        if result.error is not None:
            note_refusal(self.origin, result.name, result.error, size_bytes=size_bytes)
        self.results.append(result)


def note_refusal(origin: Origin, name: str, error: ArchiveError, *, size_bytes: int = 0) -> None:
    """Leave a trace of what was refused without its bytes being taken."""
    quarantine_without_bytes(name=name, error=error, origin=origin, size_bytes=size_bytes)

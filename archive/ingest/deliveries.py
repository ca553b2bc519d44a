"""Files that arrive one after another: spooled, unpacked where they are ZIPs, stored in batches."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from django.conf import settings

from archive.errors import InvalidInstanceError, LimitExceededError
from archive.ingest.archives import ArchiveLimits, iter_zip_members, looks_like_zip
from archive.ingest.refusals import refuse_file, refuse_without_bytes
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from archive.errors import ArchiveError
    from archive.ingest.types import IngestResult, Origin
    from archive.storage.types import SpoolFile

BATCH_FILES = 40
BATCH_BYTES = 128 * 1024 * 1024


def archive_limits() -> ArchiveLimits:
    """Return what one ZIP may bring, by the settings."""
    return ArchiveLimits(
        max_entry_bytes=settings.TWINSIGHT_MAX_INSTANCE_BYTES,
        max_total_bytes=4 * settings.TWINSIGHT_MAX_UPLOAD_BYTES,
    )


class Delivery:
    """One request's or one folder's files, DICOM or ZIP, with a result for each in order.

    Use as a context, or close it: what was not stored is discarded.

    Parameters
    ----------
    origin
        door, actor, project
    limits
        of each ZIP; the settings' where not given
    is_unpacking
        whether ZIPs are opened; a protocol that carries instances only says no
    """

    def __init__(
        self, origin: Origin, *, limits: ArchiveLimits | None = None, is_unpacking: bool = True
    ) -> None:
        self.origin = origin
        self.results: list[IngestResult] = []
        self._is_unpacking = is_unpacking
        self._limits = limits or archive_limits()
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
        self.close()

    def close(self) -> None:
        """Discard what was spooled and not stored."""
        self._spools.close()

    def take(self, name: str, chunks: Iterable[bytes]) -> None:
        """Spool one file and store it, now or with the next batch.

        Parameters
        ----------
        name
            as the sender calls it; shown, never used as a path
        chunks
            its bytes in order, all used up even where the file is refused for its size

        Raises
        ------
        StorageError
            The disk refused; files taken before stay stored.
        """
        remaining = iter(chunks)
        limit = settings.TWINSIGHT_MAX_INSTANCE_BYTES
        if self._is_unpacking:
            limit = settings.TWINSIGHT_MAX_UPLOAD_BYTES
        try:
            spool = spool_stream(remaining, max_bytes=limit)
        except LimitExceededError as error:
            for _ in remaining:
                pass
            self._refuse(name, error)
            return
        if self._is_unpacking and looks_like_zip(_head(spool)):
            with spool:
                self._unpack(name, spool)
        else:
            self._add(name, spool)

    def refuse(
        self, name: str, error: ArchiveError, *, sop_class_uid: str = "", sop_instance_uid: str = ""
    ) -> None:
        """Note a refusal of what a door could make no file of.

        Parameters
        ----------
        name
            as the sender calls it
        error
            why
        sop_class_uid, sop_instance_uid
            what it said it is, where known
        """
        self._refuse(name, error)
        self.results[-1] = replace(
            self.results[-1], sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid
        )

    def finish(self) -> list[IngestResult]:
        """Store what still waits and return every file's result."""
        self._store_waiting()
        return self.results

    def _add(self, name: str, spool: SpoolFile) -> None:
        self._spools.enter_context(spool)
        if spool.size > settings.TWINSIGHT_MAX_INSTANCE_BYTES:
            limit = settings.TWINSIGHT_MAX_INSTANCE_BYTES
            message = f"The file is larger than the limit of {limit} bytes."
            spool.close()
            self._refuse(name, LimitExceededError(message), size_bytes=spool.size)
            return
        spool.begin_sync()
        self._waiting.append(IncomingFile(spool=spool, name=name))
        self._waiting_bytes += spool.size
        if len(self._waiting) >= BATCH_FILES or self._waiting_bytes >= BATCH_BYTES:
            self._store_waiting()

    def _store_waiting(self) -> None:
        if self._waiting:
            self.results += ingest_files(files=self._waiting, origin=self.origin)
        self._waiting, self._waiting_bytes = [], 0
        self._spools.close()

    def _unpack(self, name: str, spool: SpoolFile) -> None:
        taken = len(self.results) + len(self._waiting)
        try:
            with spool.path.open("rb") as file:
                for member in iter_zip_members(file, self._limits):
                    self._take_member(f"{name}/{member.name}", member.chunks, member.refusal)
        except LimitExceededError as error:
            self._refuse(name, error, size_bytes=spool.size)
        except InvalidInstanceError as error:
            self._store_waiting()
            whole = IncomingFile(spool=spool, name=name)
            self.results.append(refuse_file(file=whole, error=error, origin=self.origin))
        else:
            if taken == len(self.results) + len(self._waiting):
                message = "The archive holds no files."
                self._refuse(name, InvalidInstanceError(message, code="archive-empty"))

    def _take_member(
        self, name: str, chunks: Iterable[bytes], refusal: ArchiveError | None
    ) -> None:
        if refusal is None:
            try:
                self._add(name, spool_stream(chunks))
            except (InvalidInstanceError, LimitExceededError) as error:
                refusal = error
        if refusal is not None:
            self._refuse(name, refusal)

    def _refuse(self, name: str, error: ArchiveError, *, size_bytes: int = 0) -> None:
        self._store_waiting()
        self.results.append(
            refuse_without_bytes(name=name, error=error, origin=self.origin, size_bytes=size_bytes)
        )


def _head(spool: SpoolFile) -> bytes:
    spool.flush()
    with spool.path.open("rb") as file:
        return file.read(4)

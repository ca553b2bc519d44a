"""Folders, files and ZIPs of this machine into the archive; run again, it goes on."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, connections

from archive.errors import ArchiveError, InvalidRequestError, StorageError
from archive.ingest.archives import is_dropping
from archive.ingest.deliveries import Delivery
from archive.ingest.selectors import archived_files
from archive.ingest.types import IngestResult, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archive.ingest.types import Origin

BATCH_FILES = 32
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class SourceFile:
    """A file to be imported, and what it is called in reports."""

    path: Path
    name: str
    size_bytes: int


@dataclass(frozen=True)
class ImportedBatch:
    """What became of some files, in their order; a ZIP has a result for each member."""

    files: list[SourceFile]
    results: list[IngestResult]


def find_files(paths: Iterable[Path]) -> list[SourceFile]:
    """List the regular files under the paths, links to folders not followed.

    Parameters
    ----------
    paths
        files and folders

    Returns
    -------
    files in the order of their names; what systems leave in folders is left out

    Raises
    ------
    InvalidRequestError
        A path does not exist.
    """
    found: list[SourceFile] = []
    for path in paths:
        if path.is_file():
            found.append(_source(path, path.name))
        elif path.is_dir():
            found += _walk(path)
        else:
            raise InvalidRequestError(f"There is no file or folder {path}.")
    return found


def _walk(root: Path) -> Iterator[SourceFile]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not is_dropping(str(path.relative_to(root))):
                yield _source(path, str(path.relative_to(root.parent)))


def _source(path: Path, name: str) -> SourceFile:
    return SourceFile(path=path, name=name, size_bytes=path.stat().st_size)


def import_files(
    files: list[SourceFile], *, origin: Origin, jobs: int = 2
) -> Iterator[ImportedBatch]:
    """Archive the files, several at a time; what is archived already is skipped by its digest.

    Parameters
    ----------
    files
        from `find_files`
    origin
        who imports, into which project
    jobs
        threads, each with a connection to the database

    Yields
    ------
    batches in the order of the files. FAILED are files that could not be read or stored: the
    import has to be run again for them.
    """
    batches = [files[start : start + BATCH_FILES] for start in range(0, len(files), BATCH_FILES)]
    running: deque[Future[ImportedBatch]] = deque()
    with ThreadPoolExecutor(jobs, thread_name_prefix="import") as pool:
        try:
            for batch in batches:
                running.append(pool.submit(_import_batch, batch, origin))
                # A few ahead of the reader keep all threads busy; not all, for memory's sake.
                if len(running) > 2 * jobs:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _import_batch(files: list[SourceFile], origin: Origin) -> ImportedBatch:
    try:
        return ImportedBatch(files, list(_results(files, origin)))
    finally:
        connections.close_all()


def _results(files: list[SourceFile], origin: Origin) -> Iterator[IngestResult]:
    digests: dict[Path, str] = {}
    for file in files:
        try:
            digests[file.path] = _digest(file.path)
        except OSError as error:
            yield _failure(file, _unreadable(error))
    try:
        known = archived_files(digests.values())
    except (OperationalError, InterfaceError):
        known = {}
    fresh: list[SourceFile] = []
    for file in files:
        uids = known.get(digests.get(file.path, ""))
        if uids is not None:
            yield IngestResult(
                outcome=Outcome.DUPLICATE,
                name=file.name,
                sop_instance_uid=uids[0],
                study_instance_uid=uids[1],
            )
        elif file.path in digests:
            fresh.append(file)
    yield from _deliver(fresh, origin)


def _deliver(files: list[SourceFile], origin: Origin) -> Iterator[IngestResult]:
    """Store the files; after an error of the archive itself, fail what has no result yet."""
    waiting = list(files)
    with Delivery(origin) as delivery:
        try:
            for file in files:
                try:
                    delivery.take(file.name, _chunks(file.path))
                except OSError as error:
                    yield _failure(file, _unreadable(error))
                waiting.remove(file)
            yield from delivery.finish()
        except StorageError as error:
            yield from delivery.finish()
            yield from (_failure(file, error) for file in waiting)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unreadable(error: OSError) -> ArchiveError:
    return ArchiveError(f"The file can't be read: {error.strerror}.", code="unreadable")


def _failure(file: SourceFile, error: ArchiveError) -> IngestResult:
    return IngestResult(outcome=Outcome.FAILED, name=file.name, error=error)

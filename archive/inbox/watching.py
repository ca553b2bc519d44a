"""Watched folders: files that appear there are taken in once they are quiet."""

from __future__ import annotations

import logging
import os
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from archive.access import selectors as access
from archive.audit import inbox as audit
from archive.audit.types import Asker
from archive.errors import ArchiveError, StorageError
from archive.inbox.roots import check_folder
from archive.ingest.archives import is_dropping
from archive.ingest.deliveries import Delivery
from archive.ingest.quarantine import clean_line
from archive.ingest.types import Origin, Outcome
from archive.models import UploadBatch, UploadFile, WatchedFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archive.ingest.types import IngestResult

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=6)
EVERY = timedelta(seconds=10)
DONE_FOLDER = "done"
_AT_ONCE = 40
_CHUNK_BYTES = 1024 * 1024
# Remembered by name where files are left lying; past it the admin must choose another way.
MAX_KNOWN = 200_000
_MAX_DEPTH = 16
_STATES = {
    Outcome.STORED: (UploadFile.State.STORED, "new"),
    Outcome.DUPLICATE: (UploadFile.State.DUPLICATE, "duplicate"),
    Outcome.QUARANTINED: (UploadFile.State.QUARANTINED, "quarantine"),
}


@dataclass(frozen=True)
class FoundFile:
    """A file of a watched folder: its way from there, and how it was seen.

    ``changed_ns`` is when this machine last saw it change, which no copier sets back.
    """

    name: str
    size_bytes: int
    modified_ns: int
    changed_ns: int

    @property
    def seen(self) -> list[int]:
        """What must be the same for the file to be the same."""
        return [self.size_bytes, self.modified_ns]


def due_folders(*, most: int = 20) -> list[int]:
    """Return folders that are to be looked into now."""
    now = timezone.now()
    rows = WatchedFolder.objects.filter(is_enabled=True)
    rows = rows.filter(Q(lease_until=None) | Q(lease_until__lte=now))
    rows = rows.filter(Q(scanned_at=None) | Q(scanned_at__lte=now - EVERY))
    return list(rows.order_by("scanned_at").values_list("pk", flat=True)[:most])


def scan_folder(folder_id: int, *, for_s: float) -> int:
    """Take in what is new and quiet in a folder, for a while.

    Parameters
    ----------
    folder_id
        of a watched folder; nothing is done while somebody else looks into it
    for_s
        seconds after which no further file is begun

    Returns
    -------
    how many files were taken in
    """
    folder = _claim(folder_id)
    if folder is None:
        return 0
    error, taken = "", 0
    try:
        check_folder(folder.path)
        access.require_may_store(folder.account, folder.project)
        taken, error = _take_in(folder, time.monotonic() + for_s)
    except ArchiveError as problem:
        error = problem.message
    except OSError as problem:
        error = f"The folder can't be read: {os.strerror(problem.errno or 0)}."
    rows = WatchedFolder.objects.filter(pk=folder_id)
    rows.update(lease_until=None, scanned_at=timezone.now(), error=error[:500])
    return taken


def _claim(folder_id: int) -> WatchedFolder | None:
    now = timezone.now()
    with transaction.atomic():
        rows = WatchedFolder.objects.select_for_update(skip_locked=True, of=("self",))
        folder: WatchedFolder | None = (
            rows.select_related("account", "project")
            .filter(pk=folder_id, is_enabled=True)
            .filter(Q(lease_until=None) | Q(lease_until__lte=now))
            .first()
        )
        if folder is not None:
            folder.lease_until = now + LEASE
            folder.save(update_fields=["lease_until"])
    return folder


@dataclass
class _Round:
    """One look into an open folder: what it knows, and what it finds."""

    folder: WatchedFolder
    root: int
    known: dict[str, list[int]]
    batch: UploadBatch | None = None
    taken: int = 0
    # What is closed to us, or can't be read from its disk, and why.
    closed: dict[str, str] = field(default_factory=dict)

    def close(self, name: str, error: OSError) -> None:
        """Pass something over until the next round; what is gone meanwhile is no trouble."""
        if not isinstance(error, FileNotFoundError):
            self.closed[name] = os.strerror(error.errno or 0)

    def is_closed(self, name: str) -> bool:
        """Whether nobody can tell just now if a file is there still."""
        way = PurePosixPath(name)
        return any(str(step) in self.closed for step in (way, *way.parents))

    def opened_batch(self) -> UploadBatch:
        """Return the round's line in the list of uploads; none is made for nothing."""
        if self.batch is None:
            self.batch = UploadBatch.objects.create(
                user=self.folder.account,
                project=self.folder.project,
                source=f"folder:{self.folder.path}"[:255],
                state=UploadBatch.State.DONE,
            )
        return self.batch


def _take_in(folder: WatchedFolder, ends_at: float) -> tuple[int, str]:
    """Return how many files were taken in, and what is in the way of others."""
    quiet_since = _now() - folder.quiet_seconds
    root = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    this, there = _Round(folder, root, dict(folder.known)), set()
    try:
        waiting: list[FoundFile] = []
        is_whole = True
        for file in _walk(this, root, ""):
            there.add(file.name)
            is_new = this.known.get(file.name) != file.seen
            if is_new and max(file.modified_ns, file.changed_ns) / 1e9 <= quiet_since:
                waiting.append(file)
            if len(waiting) >= _AT_ONCE:
                _store(this, waiting)
                waiting = []
            if time.monotonic() > ends_at:
                is_whole = False
                break
        if waiting:
            _store(this, waiting)
        if is_whole and this.known.keys() - there:
            here = {name for name in this.known if name in there or this.is_closed(name)}
            _keep_known(folder, {name: seen for name, seen in this.known.items() if name in here})
        if this.batch is not None:
            _close(this.batch, folder)
    finally:
        os.close(root)
    return this.taken, _what_stays(this, len(this.known.keys() & there))


def _now() -> float:
    return time.time()


def _walk(this: _Round, descriptor: int, prefix: str, depth: int = 0) -> Iterator[FoundFile]:
    """Yield the regular files below an open folder; links are not followed."""
    with os.scandir(descriptor) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = f"{prefix}{entry.name}"
        try:
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode) and depth < _MAX_DEPTH:
                if not prefix and entry.name == DONE_FOLDER:
                    continue
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                below = os.open(entry.name, flags, dir_fd=descriptor)
                try:
                    yield from _walk(this, below, f"{name}/", depth + 1)
                finally:
                    os.close(below)
        except OSError as error:
            this.close(name, error)
            continue
        if stat.S_ISREG(status.st_mode) and status.st_size and not is_dropping(name):
            yield FoundFile(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _store(this: _Round, files: list[FoundFile]) -> None:
    """Store some files; those that are safe here are kept in mind, moved or deleted."""
    folder, known = this.folder, this.known
    rows: list[UploadFile] = []
    for file in files:
        results = _deliver(this, file)
        if not results:
            continue
        this.taken += 1
        rows += [_row(this.opened_batch(), file, result) for result in results]
        if not any(result.outcome is Outcome.FAILED for result in results):
            known[file.name] = file.seen
            is_moving = folder.after != WatchedFolder.After.KEEP and all(map(_is_safe, results))
            if is_moving and _put_away(folder, this.root, file):
                del known[file.name]
    UploadFile.objects.bulk_create(rows)
    _keep_known(folder, known)
    WatchedFolder.objects.filter(pk=folder.pk).update(lease_until=timezone.now() + LEASE)


def _is_safe(result: IngestResult) -> bool:
    """Whether the archive has the bytes, and all of them as far as it can tell."""
    is_cut = result.error is not None and result.error.code == "truncated"
    return result.is_kept and not is_cut


def _keep_known(folder: WatchedFolder, known: dict[str, list[int]]) -> None:
    if len(known) > MAX_KNOWN:
        message = f"More than {MAX_KNOWN} files lie there: have them moved or deleted instead."
        raise StorageError(message, code="folder-full")
    WatchedFolder.objects.filter(pk=folder.pk).update(known=known)


class _ClosedFileError(Exception):
    """A watched file can't be opened, or read to its end."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _deliver(this: _Round, file: FoundFile) -> list[IngestResult]:
    """Give a file to the archive; nothing comes of one that can't be read now."""
    folder = this.folder
    origin = Origin(
        door="folder",
        actor=folder.account,
        source=clean_line(folder.path)[-255:],
        project=folder.project,
    )
    try:
        with Delivery(origin) as delivery:
            delivery.take(clean_line(file.name), _chunks(this.root, file))
            return delivery.finish()
    except _ClosedFileError as error:
        this.close(file.name, error.cause)
        return []


def _chunks(root: int, file: FoundFile) -> Iterator[bytes]:
    try:
        with os.fdopen(_open(root, file.name), "rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise _ClosedFileError(error) from error


def _open(root: int, name: str, flags: int = os.O_RDONLY) -> int:
    """Open a file below an open folder, step by step: no step is a link."""
    *folders, last = name.split("/")
    with _below(root, folders) as at:
        return os.open(last, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)


@contextmanager
def _below(root: int, folders: Sequence[str], *, makes: bool = False) -> Iterator[int]:
    """Hold a folder below an open one, made where wanted; OSError where a link is on the way."""
    at = os.dup(root)
    try:
        for step in folders:
            if makes:
                with suppress(FileExistsError):
                    os.mkdir(step, 0o700, dir_fd=at)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(step, flags, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _put_away(folder: WatchedFolder, root: int, file: FoundFile) -> bool:
    """Move or delete a file that is safe in the archive, unless it changed meanwhile.

    Returns
    -------
    False where it can't be, and stays
    """
    *folders, last = file.name.split("/")
    try:
        with _below(root, folders) as source:
            status = os.stat(last, dir_fd=source, follow_symlinks=False)
            if [status.st_size, status.st_mtime_ns] != file.seen:
                return True
            if status.st_ctime_ns != file.changed_ns:
                return True
            if folder.after == WatchedFolder.After.DELETE:
                os.unlink(last, dir_fd=source)
                return True
            with _below(root, [DONE_FOLDER, *folders], makes=True) as target:
                os.replace(last, last, src_dir_fd=source, dst_dir_fd=target)
    except FileNotFoundError:
        return True
    except OSError as error:
        logger.warning("a watched file stays: %s", os.strerror(error.errno or 0))
        return False
    return True


def _what_stays(this: _Round, known: int) -> str:
    """Say which files are not taken in, or not put away though they were; else nothing."""
    said = []
    if this.closed:
        name, reason = next(iter(this.closed.items()))
        said.append(
            f"{len(this.closed)} files or folders can't be read and wait, {clean_line(name)[-200:]}"
            f" for one: {reason}."
        )
    if known and this.folder.after != WatchedFolder.After.KEEP:
        said.append(
            f"{known} files stay: they were refused and are not whole here, as the list of"
            " uploads says, or a link or a right is in the way."
        )
    return " ".join(said)


def _row(batch: UploadBatch, file: FoundFile, result: IngestResult) -> UploadFile:
    state, outlook = _STATES.get(result.outcome, (UploadFile.State.REFUSED, "refused"))
    return UploadFile(
        batch=batch,
        name=(clean_line(result.name) or clean_line(file.name))[-1024:],
        size_bytes=file.size_bytes,
        received_bytes=file.size_bytes,
        state=state,
        outlook=outlook,
        reason=result.error.message[:500] if result.error else "",
        study_instance_uid=result.study_instance_uid[:64],
        series_instance_uid=result.series_instance_uid[:64],
        sop_instance_uid=result.sop_instance_uid[:64],
        finished_at=timezone.now(),
    )


def _close(batch: UploadBatch, folder: WatchedFolder) -> None:
    batch.finished_at = timezone.now()
    batch.save(update_fields=["finished_at"])
    asker = Asker(door="folder", user=folder.account, name=f"folder {folder.pk}")
    audit.record_upload(
        asker, "folder-stored", batch=batch.pk, details={"files": batch.files.count()}
    )

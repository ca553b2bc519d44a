"""Looking at what arrived: kinds, archives unpacked, media read by their index."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from django.utils import timezone

from archive.dicom.reading import read_directory
from archive.errors import ArchiveError, InvalidInstanceError, LimitExceededError
from archive.inbox import spool
from archive.inbox.recognising import kind_of
from archive.inbox.types import DICOMDIR, OTHER, REFUSED, WRAP, WRAPPED_KINDS, ZIP
from archive.ingest.archives import iter_zip_members
from archive.ingest.deliveries import archive_limits
from archive.models import UploadFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset

    from archive.ingest.archives import ZipMember
    from archive.models import UploadBatch

_AT_ONCE = 200
_State = UploadFile.State
# A medium has no more files than that (PS3.10 8.2 allows any number; this is to stay sane).
_MAX_RECORDS = 500_000


def recognise_some(batch: UploadBatch, *, most: int = _AT_ONCE) -> bool:
    """Find out what some files are; False where all are known."""
    rows = list(batch.files.filter(state=_State.RECEIVED, kind="").order_by("pk")[:most])
    for row in rows:
        row.kind = kind_of(spool.place(row.spool_name))
        if row.kind == ZIP and row.container_id is not None:
            # An archive in an archive is not opened: ingest says so, and keeps it in quarantine.
            row.kind = OTHER
        if row.kind in WRAPPED_KINDS:
            row.outlook = WRAP
    UploadFile.objects.bulk_update(rows, ["kind", "outlook"])
    return bool(rows)


def unpack_one(batch: UploadBatch, has_time: Callable[[], bool]) -> bool:
    """Unpack an archive, as far as there is time; False where none is left.

    Its members lie in the inbox under names of our own. What is unpacked already, by a step before
    or by a worker that died, is not unpacked again.
    """
    row = batch.files.filter(state=_State.RECEIVED, kind=ZIP).order_by("pk").first()
    if row is None:
        return False
    done = dict(row.entries.values_list("fingerprint", "size_bytes"))
    try:
        with spool.place(row.spool_name).open("rb") as file:
            # The limit is on all that comes out of it, in however many steps.
            members = iter_zip_members(
                file, archive_limits(), keeps_indexes=True, produced_bytes=sum(done.values())
            )
            for number, member in enumerate(members, start=1):
                if str(number) in done:
                    continue
                _unpack(row, f"{row.name}/{member.name}"[-1024:], number, member)
                if not has_time():
                    return True
    except (InvalidInstanceError, LimitExceededError) as error:
        _refuse(row, error)
        return True
    row.state, row.finished_at = _State.UNPACKED, timezone.now()
    if not row.entries.exists():
        row.state, row.outlook = _State.REFUSED, REFUSED
        row.reason = "The archive holds no files."
    row.save(update_fields=["state", "outlook", "reason", "finished_at"])
    spool.discard([row.spool_name])
    return True


def _refuse(row: UploadFile, error: ArchiveError) -> None:
    """Leave a broken archive to ingest, which keeps it in quarantine; bombs are refused here."""
    if isinstance(error, InvalidInstanceError) and not row.entries.exists():
        row.kind = "other"
        row.save(update_fields=["kind"])
        return
    row.state, row.outlook, row.reason = _State.REFUSED, REFUSED, error.message[:500]
    row.finished_at = timezone.now()
    row.save(update_fields=["state", "outlook", "reason", "finished_at"])
    spool.discard([row.spool_name])


def _unpack(row: UploadFile, name: str, number: int, member: ZipMember) -> None:
    entry = UploadFile(
        batch_id=row.batch_id, container=row, name=name, fingerprint=str(number), size_bytes=0
    )
    if member.refusal is None:
        entry.spool_name = spool.new_name()
        try:
            spool.check_room()
            with spool.held(entry.spool_name) as writer:
                limit = archive_limits().max_entry_bytes
                writer.append(0, member.chunks, max_bytes=limit)
                entry.size_bytes = entry.received_bytes = writer.size
            entry.state = _State.RECEIVED
        except (InvalidInstanceError, LimitExceededError) as error:
            spool.discard([entry.spool_name])
            if error.code == "archive-too-large":
                raise
            _note_refused(entry, error)
    else:
        _note_refused(entry, member.refusal)
    if entry.state == _State.RECEIVED and entry.size_bytes == 0:
        entry.state, entry.reason = _State.SKIPPED, "The file is empty."
    entry.save()


def _note_refused(entry: UploadFile, error: ArchiveError) -> None:
    entry.state, entry.outlook = _State.REFUSED, REFUSED
    entry.reason, entry.spool_name = error.message[:500], ""
    entry.finished_at = timezone.now()


def read_media(batch: UploadBatch) -> bool:
    """Read the indexes of media: what they name and did not come is said; False where none is left.

    The index only names files of the same upload, by their place beside it: nothing is opened by
    what it says.
    """
    row = batch.files.filter(state=_State.RECEIVED, kind=DICOMDIR).order_by("pk").first()
    if row is None:
        return False
    try:
        named = _named_files(spool.place(row.spool_name))
    except ArchiveError as error:
        row.state, row.outlook, row.reason = _State.REFUSED, REFUSED, error.message[:500]
    else:
        missing = _missing(batch, row, named)
        here = len(named) - len(missing)
        row.state = _State.SKIPPED
        row.reason = f"The index of a medium: {here} of the {len(named)} files it names are here."
        UploadFile.objects.bulk_create(
            UploadFile(
                batch=batch,
                container=row,
                name=name,
                size_bytes=0,
                state=_State.REFUSED,
                outlook=REFUSED,
                reason="The medium's index names this file, and it did not come.",
                finished_at=timezone.now(),
            )
            for name in missing[:10_000]
        )
    row.finished_at = timezone.now()
    row.save(update_fields=["state", "outlook", "reason", "finished_at"])
    spool.discard([row.spool_name])
    return True


def _named_files(path: Path) -> list[str]:
    """Return the files that a DICOMDIR names, as paths beside it in upper case."""
    ds = read_directory(path)
    named = []
    for record in _records(ds):
        parts = record.get("ReferencedFileID")
        if not parts:
            continue
        names = [parts] if isinstance(parts, str) else list(parts)
        named.append("/".join(str(name).strip().upper() for name in names)[:500])
    return list(dict.fromkeys(named))


def _records(ds: Dataset) -> Iterator[Dataset]:
    records: Iterable[Dataset] = ds.get("DirectoryRecordSequence") or []
    for number, record in enumerate(records):
        if number >= _MAX_RECORDS:
            return
        yield record


def _missing(batch: UploadBatch, row: UploadFile, named: list[str]) -> list[str]:
    parent = str(PurePosixPath(row.name.replace("\\", "/")).parent)
    prefix = "" if parent == "." else f"{parent}/"
    names = batch.files.exclude(pk=row.pk).values_list("name", flat=True)
    # Systems that read media add nothing, a version, or a lower case to the names.
    here = {
        name.replace("\\", "/")[len(prefix) :].upper().removesuffix(";1").removesuffix(".")
        for name in names.iterator()
        if name.replace("\\", "/").startswith(prefix)
    }
    return [name for name in named if name not in here]

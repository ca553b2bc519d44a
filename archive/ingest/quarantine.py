"""What can't be archived is kept with its reason; nothing is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.access.projects import unassigned_project
from archive.models import Blob, Quarantine
from archive.models.byte_locks import lock_bytes
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from archive.errors import ArchiveError
    from archive.ingest.types import IncomingFile, Origin

_NAME_LENGTH = 255


def quarantine_file(
    *,
    file: IncomingFile,
    error: ArchiveError,
    origin: Origin,
    sop_instance_uid: str = "",
    study_instance_uid: str = "",
) -> None:
    """Record refused bytes that are already kept in the blob store; once for the same bytes.

    Parameters
    ----------
    file
        spool file that ``BlobStore.keep`` made durable
    error
        its code and message become the entry's reason
    """
    blob = None
    if file.spool.size:
        blob = keep_blob_row(file)
    values = {
        "reason": clean_line(error.message),
        "door": origin.door,
        "source": clean_line(origin.source)[:_NAME_LENGTH],
        "actor": origin.actor,
        "project": origin.project or unassigned_project(),
        "original_name": clean_line(file.name)[-_NAME_LENGTH:],
        "sop_instance_uid": clean_line(sop_instance_uid)[:128],
        "study_instance_uid": clean_line(study_instance_uid)[:128],
        "size_bytes": file.spool.size,
    }
    if blob is None:
        Quarantine.objects.create(reason_code=error.code, **values)
    else:
        Quarantine.objects.get_or_create(
            reason_code=error.code, blob=blob, resolved_at=None, defaults=values
        )


def quarantine_without_bytes(
    *, name: str, error: ArchiveError, origin: Origin, size_bytes: int = 0
) -> None:
    """Record a refusal whose bytes were not taken: too large, empty, not even a file.

    Parameters
    ----------
    size_bytes
        how many bytes came or were announced, where known
    """
    Quarantine.objects.create(
        reason_code=error.code,
        reason=clean_line(error.message),
        door=origin.door,
        source=clean_line(origin.source)[:_NAME_LENGTH],
        actor=origin.actor,
        project=origin.project or unassigned_project(),
        original_name=clean_line(name)[-_NAME_LENGTH:],
        size_bytes=size_bytes,
    )


def keep_blob_row(file: IncomingFile) -> Blob:
    """Return the row of a kept file, made where missing; a purge may have taken its bytes."""
    lock_bytes(file.spool.sha256)
    if not blob_store().exists(file.spool.sha256):
        blob_store().keep([file.spool])
    blob, _ = Blob.objects.get_or_create(
        sha256=file.spool.sha256, defaults={"size_bytes": file.spool.size}
    )
    return blob


def clean_line(text: str) -> str:
    """Return the text without control characters and lone surrogates: PostgreSQL holds neither."""
    printable = "".join(c if c.isprintable() else "�" for c in text)
    return printable.encode("utf-8", "replace").decode("utf-8")

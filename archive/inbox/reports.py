"""Lists for spreadsheets: a line a file, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from archive.models import UploadFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.models import Quarantine, UploadBatch

_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")
_FILE_HEAD = (
    "file", "bytes", "kind", "result", "reason", "patient id", "study", "series", "instance"
)  # fmt: skip
_QUARANTINE_HEAD = (
    "id", "received", "reason", "explanation", "file", "door", "from", "project", "study",
    "instance", "bytes",
)  # fmt: skip


def report_csv(batch: UploadBatch) -> Iterator[str]:
    """Yield what became of each file of an upload, as CSV."""
    rows = UploadFile.objects.filter(batch=batch).order_by("pk")
    lines = (
        (
            row.name,
            row.size_bytes,
            row.kind,
            row.get_state_display(),
            row.reason,
            row.patient_id,
            row.study_instance_uid,
            row.series_instance_uid,
            row.sop_instance_uid,
        )
        for row in rows.iterator(chunk_size=2000)
    )
    return _csv(_FILE_HEAD, lines)


def quarantine_csv(entries: Iterable[Quarantine]) -> Iterator[str]:
    """Yield entries of the quarantine, as CSV."""
    lines = (
        (
            entry.pk,
            entry.received_at.isoformat(timespec="seconds"),
            entry.reason_code,
            entry.reason,
            entry.original_name,
            entry.door,
            entry.actor.get_username() if entry.actor else entry.source,
            entry.project.name if entry.project else "",
            entry.study_instance_uid,
            entry.sop_instance_uid,
            entry.size_bytes,
        )
        for entry in entries
    )
    return _csv(_QUARANTINE_HEAD, lines)


def _csv(head: Sequence[str], lines: Iterable[Sequence[object]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(head)
    for line in lines:
        writer.writerow([safe_cell(cell) for cell in line])
        if buffer.tell() > 64 * 1024:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def safe_cell(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula.

    Parameters
    ----------
    cell
        text that others wrote, or a number
    """
    if isinstance(cell, str) and cell.lstrip().startswith(_RUN_BY_SPREADSHEETS):
        return f"'{cell}"
    return cell

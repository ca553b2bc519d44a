"""Whole months of the trail as files for a store that keeps them: checked without a database.

A file holds its blocks in order. A block begins with its seal, then comes a line a record: the very
text that was digested, so that ``sha256`` of each line, and of those together, is what was sealed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone

from archive.audit.trail import record_trail_read
from archive.audit.types import Asker
from archive.errors import InvalidRequestError
from archive.models import AuditSeal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

_TEXTS = """
    SELECT jsonb_build_array(
        id, to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), event_id, act,
        action, outcome, actor_id, actor_name, token_hint, door, host(address),
        study_instance_uid, details
    )::text FROM archive_auditevent WHERE id BETWEEN %s AND %s ORDER BY id
"""
_SEAL = (
    *("first_event", "last_event", "number_of_events", "content_sha256"),
    *("previous_sha256", "sha256"),
)


@dataclass(frozen=True)
class ExportedMonth:
    """A file, and what it holds."""

    path: Path
    blocks: int
    records: int
    last_sha256: str


def export_months(folder: Path, *, asker: Asker | None = None) -> list[ExportedMonth]:
    """Write a file for each month that is over and has none yet; what is there stays as it is.

    Parameters
    ----------
    folder
        where the files go; made where missing, for nobody else to read
    asker
        who takes the trail out, which is on record before the first file is written

    Raises
    ------
    InvalidRequestError
        The trail is not what was sealed: such a block is not passed on as if it were.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    months = AuditSeal.objects.filter(sealed_at__lt=_this_month()).datetimes("sealed_at", "month")
    missing = [(month, _path(folder, month)) for month in months]
    missing = [(month, path) for month, path in missing if not path.exists()]
    if missing:
        record_trail_read(
            asker or Asker(door="command", name="audit_export"),
            act="export-audit",
            filters={"months": " ".join(f"{month:%Y-%m}" for month, _ in missing)},
        )
    return [_write(path, month) for month, path in missing]


def check_files(folder: Path) -> tuple[list[ExportedMonth], list[str]]:
    """Compute everything in the files anew; return them, and what does not fit.

    Parameters
    ----------
    folder
        with the files, in the order of their names
    """
    found: list[ExportedMonth] = []
    flaws: list[str] = []
    previous, expected = "", 1
    for path in sorted(folder.glob("audit-*.ndjson.gz")):
        blocks = records = 0
        for seal, lines in _blocks(path):
            place = f"{path.name}, records {seal['first_event']} to {seal['last_event']}"
            if (seal["previous_sha256"], seal["first_event"]) != (previous, expected):
                flaws.append(f"{place}: does not follow the block before it.")
            digests = [hashlib.sha256(line).digest() for line in lines]
            content = hashlib.sha256(b"".join(digests)).hexdigest()
            if content != seal["content_sha256"] or len(lines) != seal["number_of_events"]:
                flaws.append(f"{place}: a record was changed, added or removed.")
            if _sha256_of(seal) != seal["sha256"]:
                flaws.append(f"{place}: the seal was changed.")
            previous, expected = seal["sha256"], seal["last_event"] + 1
            blocks, records = blocks + 1, records + len(lines)
        found.append(ExportedMonth(path, blocks, records, previous))
    return found, flaws


def _this_month() -> datetime:
    return timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _path(folder: Path, month: datetime) -> Path:
    return folder / f"audit-{month:%Y-%m}.ndjson.gz"


def _write(path: Path, month: datetime) -> ExportedMonth:
    """Write a month beside its name first: a file that is there is whole."""
    following = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    seals = AuditSeal.objects.filter(sealed_at__gte=month, sealed_at__lt=following).order_by("pk")
    blocks = records = 0
    last = ""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as bare:
        # No time of writing inside: the same month is the same file.
        with gzip.GzipFile(filename="", fileobj=bare, mode="wb", mtime=0) as packed:
            for seal in seals.iterator(chunk_size=100):
                lines = _lines(seal)
                packed.write(json.dumps(_as_json(seal)).encode() + b"\n")
                packed.writelines(line + b"\n" for line in lines)
                blocks, records, last = blocks + 1, records + len(lines), seal.sha256
        bare.flush()
        os.fsync(bare.fileno())
    partial.rename(path)
    return ExportedMonth(path, blocks, records, last)


def _lines(seal: AuditSeal) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(_TEXTS, [seal.first_event, seal.last_event])
        lines = [str(text).encode() for (text,) in cursor.fetchall()]
    digests = b"".join(hashlib.sha256(line).digest() for line in lines)
    if hashlib.sha256(digests).hexdigest() != seal.content_sha256:
        message = f"Block {seal.pk} is not what was sealed: run audit_verify."
        raise InvalidRequestError(message, code="audit-flawed")
    return lines


def _as_json(seal: AuditSeal) -> dict[str, Any]:
    kept = {name: getattr(seal, name) for name in _SEAL}
    marks = hashlib.sha256(bytes(seal.marks)).hexdigest()
    return {"seal": seal.pk, **kept, "marks_sha256": marks, "sealed_at": str(seal.sealed_at)}


def _sha256_of(seal: dict[str, Any]) -> str:
    """As `archive.audit.chain` computes a seal's digest."""
    named = ("previous_sha256", "first_event", "last_event", "number_of_events", "content_sha256")
    said = "|".join(str(seal[name]) for name in (*named, "marks_sha256"))
    return hashlib.sha256(said.encode()).hexdigest()


def _blocks(path: Path) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
    seal: dict[str, Any] | None = None
    lines: list[bytes] = []
    with gzip.open(path) as packed:
        for line in packed:
            if line.startswith(b'{"seal"'):
                if seal is not None:
                    yield seal, lines
                seal, lines = json.loads(line), []
            else:
                lines.append(line.rstrip(b"\n"))
    if seal is not None:
        yield seal, lines

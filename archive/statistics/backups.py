"""When the whole archive was last copied."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from archive.models import Backup

if TYPE_CHECKING:
    from datetime import datetime

# Older than that, a page says so.
_OLD = timedelta(days=8)


def note_backup(
    *,
    snapshot: str,
    made_at: datetime,
    studies: int,
    files: int,
    size_bytes: int,
    lacking: int,
    with_files: bool,
) -> None:
    """Keep that a backup is whole, for pages and alarms."""
    Backup.objects.create(
        snapshot=snapshot,
        made_at=made_at,
        number_of_studies=studies,
        number_of_files=files,
        size_bytes=size_bytes,
        lacking=lacking,
        with_files=with_files,
    )


def last_backup() -> Backup | None:
    """Return the newest backup."""
    return Backup.objects.first()


def is_old(backup: Backup) -> bool:
    """Whether more has come since than one would like to lose."""
    return bool(backup.made_at < timezone.now() - _OLD)

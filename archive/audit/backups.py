"""Copies of the whole archive, and archives that were made of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_backup(asker: Asker, *, folder: str) -> None:
    """Export (110106): everything goes out, before the first byte is written."""
    _record(asker, "110106", "backup", Action.READ, details={"folder": folder})


def record_restore(asker: Asker, *, folder: str, snapshot: str) -> None:
    """Import (110107): everything came back as it was at the snapshot's time."""
    details = {"folder": folder, "snapshot": snapshot}
    _record(asker, "110107", "restore", Action.CREATE, details=details)

"""That somebody read the audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.reads import record_read
from archive.audit.services import Action, _values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.audit.types import Asker


def record_trail_read(asker: Asker, *, act: str, filters: Mapping[str, str]) -> None:
    """Audit Log Used (110101): written before the answer leaves."""
    details = {"filters": dict(filters)}
    record_read(_values(asker, "110101", act, Action.READ, details=details))

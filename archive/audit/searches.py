"""What is done with saved searches: their keys, never what they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_search_saved(asker: Asker, *, search: int, is_notifying: bool) -> None:
    """Record that a search was named and kept (110112)."""
    details = {"search": search, "notifies": is_notifying}
    _record(asker, "110112", "save-search", Action.CREATE, details=details)


def record_search_shared(asker: Asker, *, search: int, project: int | None) -> None:
    """Security Alert: who may see a search changed (110113)."""
    details = {"search": search, "project": project}
    _record(asker, "110113", "share-search", Action.UPDATE, details=details)


def record_search_deleted(asker: Asker, *, search: int) -> None:
    """Record that a search is gone (110112)."""
    _record(asker, "110112", "delete-search", Action.DELETE, details={"search": search})

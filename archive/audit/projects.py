"""Projects made and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_project_made(asker: Asker, *, project: str, details: dict[str, Any]) -> None:
    """Security Alert (110113): a project is there, and may have members."""
    _record(asker, "110113", "make-project", Action.CREATE, details={"project": project, **details})


def record_project_changed(asker: Asker, *, project: str, details: dict[str, Any]) -> None:
    """Security Alert (110113): what is said of a project changed."""
    _record(
        asker, "110113", "change-project", Action.UPDATE, details={"project": project, **details}
    )

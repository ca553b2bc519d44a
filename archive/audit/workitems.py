"""What is done with workitems and with the schedule of examinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_workitem(asker: Asker, *, act: str, uid: str, study: str = "") -> None:
    """Record that a workitem was made, changed, claimed or ended (Procedure Record, 110111)."""
    _record(asker, "110111", act, Action.UPDATE, study=study, details={"workitem": uid})


def record_workitem_subscription(asker: Asker, *, act: str, ae_title: str, uid: str) -> None:
    """Security Alert: whom the worklist tells of its workitems was changed (110113)."""
    details = {"ae_title": ae_title, "workitem": uid or "all"}
    _record(asker, "110113", act, Action.UPDATE, details=details)


def record_step_changed(
    asker: Asker, *, act: str, study: str, step: int, details: dict[str, Any] | None = None
) -> None:
    """Record what was scheduled, or what became of it (Procedure Record, 110111)."""
    about = {"step": step, **(details or {})}
    _record(asker, "110111", act, Action.UPDATE, study=study, details=about)

"""What people decide about the results of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_result_reviewed(
    asker: Asker, *, study_instance_uid: str, run: int, decision: str, successor: str
) -> None:
    """Record that a result was accepted, corrected or rejected (Patient Record, 110110)."""
    details = {"run": run, "decision": decision, "successor": successor}
    _record(
        asker,
        "110110",
        "review-result",
        Action.UPDATE,
        study=study_instance_uid,
        details=details,
    )


def record_label_removed(asker: Asker, *, study_instance_uid: str, label_set: str) -> None:
    """Record that somebody took a label back (Patient Record, 110110)."""
    details = {"label_set": label_set}
    _record(
        asker,
        "110110",
        "remove-label",
        Action.DELETE,
        study=study_instance_uid,
        details=details,
    )

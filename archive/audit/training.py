"""What is done with trainings: which labels were learned from, by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_training_requested(
    asker: Asker, *, training: int, model: str, label_set: str, backbone: str
) -> None:
    """Record that a model is to be trained on the archive's labels (110112: it reads images)."""
    details = {"training": training, "model": model, "labels": label_set, "backbone": backbone}
    _record(asker, "110112", "request-training", Action.EXECUTE, details=details)


def record_training_changed(asker: Asker, *, training: int, act: str) -> None:
    """Record that a training was cancelled, resumed or removed (110112)."""
    _record(asker, "110112", act, Action.UPDATE, details={"training": training})

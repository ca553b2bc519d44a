"""What people do with runs of models, and with what is to run by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_run_cancelled(asker: Asker, *, study_instance_uid: str, run: int) -> None:
    """Record that somebody stopped a run (110103)."""
    _record(
        asker,
        "110103",
        "cancel-run",
        Action.EXECUTE,
        study=study_instance_uid,
        details={"run": run},
    )


def record_rule_changed(asker: Asker, *, act: str, rule: int, details: dict[str, Any]) -> None:
    """Security Alert: which models run by themselves was changed (110113)."""
    _record(asker, "110113", act, Action.UPDATE, details={"rule": rule, **details})


def record_drift_settled(asker: Asker, *, alarm: int, model: str) -> None:
    """Record that an alarm on a model's inputs or outputs was settled (110113)."""
    details = {"alarm": alarm, "model": model}
    _record(asker, "110113", "settle-drift", Action.UPDATE, details=details)


def record_notices_changed(asker: Asker, *, details: dict[str, Any]) -> None:
    """Security Alert: what somebody is told of runs, and where, was changed (110113)."""
    _record(asker, "110113", "change-run-notices", Action.UPDATE, details=details)

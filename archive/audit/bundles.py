"""What is done with models: name, version and digest of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_model_registered(asker: Asker, *, model: str, digest: str, source: str) -> None:
    """Record that a model's files were taken in (110103)."""
    details = {"model": model, "digest": digest, "source": source}
    _record(asker, "110103", "register-model", Action.CREATE, details=details)


def record_model_state(asker: Asker, *, model: str, state: str, former: str, reason: str) -> None:
    """Security Alert: which models run on new series was changed (110113)."""
    details = {"model": model, "state": state, "former": former, "reason": reason}
    _record(asker, "110113", "change-model-state", Action.UPDATE, details=details)


def record_model_diagnostic(asker: Asker, *, model: str, is_diagnostic: bool, reason: str) -> None:
    """Security Alert: whether a model's results say not for diagnostic use was changed (110113)."""
    details = {"model": model, "is_diagnostic": is_diagnostic, "reason": reason}
    _record(asker, "110113", "change-model-notice", Action.UPDATE, details=details)

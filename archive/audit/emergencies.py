"""Emergency access (break-glass): begun, ended, refused, reviewed. Keys, never the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.services import Action, Outcome, _record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.audit.types import Asker


def record_emergency(
    asker: Asker, *, act: str, emergency: int, patient: int, studies: Iterable[str] = ()
) -> None:
    """Security Alert (110113): Emergency Override started (110127) or stopped (110138)."""
    details = {"emergency": emergency, "patient": patient, "studies": list(studies)[:100]}
    _record(asker, "110113", act, Action.EXECUTE, details=details)


def record_emergency_refused(asker: Asker, *, reason: str) -> None:
    """Security Alert (110113): somebody asked for emergency access and did not get it."""
    _record(
        asker,
        "110113",
        "refuse-emergency",
        Action.EXECUTE,
        outcome=Outcome.MINOR_FAILURE,
        details={"reason": reason},
    )


def record_emergency_reviewed(asker: Asker, *, emergency: int, is_justified: bool) -> None:
    """Security Alert (110113): what a person thinks of an emergency access."""
    details = {"emergency": emergency, "justified": is_justified}
    _record(asker, "110113", "review-emergency", Action.UPDATE, details=details)

"""What was asked for and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.reads import record_read
from archive.audit.services import Action, Outcome, _values

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_refused(
    asker: Asker, *, status: int, method: str, route: str, study: str = "", left_out: int = 0
) -> None:
    """Security Alert (110113): a request was refused, or named what is not there for the asker.

    Parameters
    ----------
    asker
        who, as far as that is known
    status
        of the answer
    method, route
        what was asked: the route's pattern, never the path, which may hold a name
    study
        Study Instance UID, where the request named one
    left_out
        refusals of the same asker that were not written since the last record: too many at once
    """
    details = {"status": status, "method": method, "route": route}
    if left_out:
        details["left_out"] = left_out
    record_read(
        _values(
            asker,
            "110113",
            "refuse-access",
            Action.EXECUTE,
            study=study,
            outcome=Outcome.MINOR_FAILURE,
            details=details,
        )
    )

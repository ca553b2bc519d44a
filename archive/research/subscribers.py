"""One line an event."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from archive.events.services import subscribe
from archive.events.types import StudiesCorrected
from archive.research.errors import SealError
from archive.research.withdrawing import withdraw_of_refused

if TYPE_CHECKING:
    from archive.events.types import Event

logger = logging.getLogger(__name__)


def subscribe_all() -> None:
    """Look again for refusals where studies turned out to be somebody else's."""
    subscribe(StudiesCorrected, withdraw_after_correction)


def withdraw_after_correction(event: Event) -> None:
    """Withdraw copies of patients who turned out to be one that refused research.

    Parameters
    ----------
    event
        a StudiesCorrected
    """
    if not isinstance(event, StudiesCorrected):
        return
    try:
        withdraw_of_refused(event.study_ids)
    except SealError:
        # Without the key nobody finds them; other rooms are told all the same.
        logger.exception("copies of a patient who refused research can't be found")

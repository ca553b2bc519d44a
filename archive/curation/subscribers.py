"""One line an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.curation.rejection_notes import obey_notes
from archive.events.services import subscribe
from archive.events.types import InstancesStored

if TYPE_CHECKING:
    from archive.events.types import Event


def subscribe_all() -> None:
    """Look for rejection notes after each store."""
    subscribe(InstancesStored, obey_notes_of)


def obey_notes_of(event: Event) -> None:
    """Obey the notes of the studies that something was added to, old notes too.

    Parameters
    ----------
    event
        an InstancesStored
    """
    if isinstance(event, InstancesStored):
        obey_notes(event.study_ids)

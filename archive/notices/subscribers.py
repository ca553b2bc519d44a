"""One line an event: who follows a study hears of what arrives for it."""

from __future__ import annotations

from archive.events.services import subscribe
from archive.events.types import EmergenciesBegan, InstancesStored, StudiesGranted
from archive.notices.follows import tell_followers
from archive.notices.sharing import tell_of_emergencies, tell_of_grants


def tell_of_arrivals(event: InstancesStored) -> None:
    """Tell followers of new images and results."""
    tell_followers(event.study_ids, series_ids=event.series_ids)


def subscribe_all() -> None:
    """Subscribe to the archive's events."""
    subscribe(InstancesStored, tell_of_arrivals)
    subscribe(StudiesGranted, tell_of_grants)
    subscribe(EmergenciesBegan, tell_of_emergencies)

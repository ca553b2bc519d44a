"""Who is told, inside the transaction, that a run was queued, began or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.models import Run

_observers: list[Callable[[Run], None]] = []


def observe_runs(observer: Callable[[Run], None]) -> None:
    """Call the observer with each run whose state changes; it does little, and never raises."""
    if observer not in _observers:
        _observers.append(observer)


def tell_observers(run: Run) -> None:
    """Say that the run is in a new state; what fills spaces in the background is no news."""
    if not run.is_background:
        for observer in _observers:
            observer(run)

"""What a training tells of itself while it works, and how it is stopped. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class TrainingStopped(Exception):  # noqa: N818 it is no error: somebody wanted it
    """Somebody cancelled the training, or others wait for the worker."""

    def __init__(self, *, is_cancelled: bool) -> None:
        super().__init__("cancelled" if is_cancelled else "paused")
        self.is_cancelled = is_cancelled


def _nothing(progress: dict[str, Any]) -> None:
    """Tell nobody."""


def _never() -> None:
    """Stop for nobody."""


@dataclass
class Watch:
    """One training's progress, told after every step that takes a while.

    Attributes
    ----------
    tell : takes the progress so far
    check : raises `TrainingStopped` where the training is to stop
    progress : ``stage``, ``done``, ``all``; ``split``, ``splits``, ``epoch``, ``epochs``,
        ``history`` with one row an epoch
    """

    tell: Callable[[dict[str, Any]], None] = _nothing
    check: Callable[[], None] = _never
    progress: dict[str, Any] = field(default_factory=dict)

    def tell_step(self, stage: str, done: int, all_of: int) -> None:
        """Tell how far a stage is that has no epochs."""
        self.progress |= {"stage": stage, "done": done, "all": all_of}
        self.tell(self.progress)
        self.check()

    def beat(self) -> None:
        """Tell that the training is alive, in the middle of an epoch."""
        self.tell(self.progress)

    def tell_epoch(self, row: dict[str, Any], epochs: int) -> None:
        """Tell of an epoch that is over."""
        history = [*self.progress.get("history", []), row]
        self.progress |= {
            "stage": "learning",
            "epoch": row["epoch"],
            "epochs": epochs,
            "history": history,
        }
        self.tell(self.progress)
        self.check()

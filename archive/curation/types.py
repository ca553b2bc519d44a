"""What a removal names."""

from __future__ import annotations

from dataclasses import dataclass

from archive.models import Removal


@dataclass(frozen=True, slots=True)
class ObjectPath:
    """A study, one of its series, or one of that one's instances, by their UIDs."""

    study: str
    series: str | None = None
    instance: str | None = None

    @property
    def level(self) -> Removal.Level:
        """What the path leads to."""
        if self.instance is not None:
            return Removal.Level.INSTANCE
        return Removal.Level.STUDY if self.series is None else Removal.Level.SERIES

    @property
    def uid(self) -> str:
        """UID of what the path leads to."""
        return self.instance or self.series or self.study

    @property
    def uids(self) -> tuple[str, ...]:
        """All UIDs of the path."""
        return tuple(uid for uid in (self.study, self.series, self.instance) if uid is not None)

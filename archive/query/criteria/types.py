"""What a search by criteria asks for, whatever it is asked about (FHIR R4, Search)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Token:
    """A code or an identifier; ``system`` None is any, empty is none; an empty code is any."""

    code: str
    system: str | None = None

    def is_of(self, system: str) -> bool:
        """Whether the token may lie in a system."""
        return self.system is None or self.system == system


@dataclass(frozen=True)
class Moment:
    """A date or time as far as it is told: all from ``low`` on and before ``high``, in UTC.

    With the prefix ``ap`` (about) the bounds are wider than what was told.

    ``has_zone`` is false where the asker told the time of a clock without saying where it hangs.
    """

    prefix: str
    low: datetime
    high: datetime
    is_day: bool = True
    has_zone: bool = False


@dataclass(frozen=True)
class Quantity:
    """A number as far as it is told, and its unit."""

    prefix: str
    value: float
    margin: float
    system: str = ""
    code: str = ""


@dataclass(frozen=True)
class Reference:
    """Another resource, by its kind (empty: any that fits) and key."""

    kind: str
    key: str


@dataclass(frozen=True)
class Criterion:
    """One condition: a parameter, and values of which one must fit.

    ``values`` are of the parameter's type: Token, Moment, Quantity, Reference or text. With a
    ``chain`` there are none: the resource referred to (of ``kind``) must fit that criterion.
    ``_has`` has one value: a query of the keys of the rows that something refers to.
    """

    name: str
    values: tuple[Any, ...] = ()
    modifier: str = ""
    chain: Criterion | None = None
    kind: str = ""


@dataclass(frozen=True)
class SortKey:
    """What to sort by, by its name."""

    name: str
    is_descending: bool = False


@dataclass(frozen=True)
class Slice:
    """Which part of what is found is wanted: at most ``count``, behind the row of key ``after``.

    ``order`` says what to sort by, none for the newest rows first. Everything is counted where
    ``is_total_wanted``, nothing where ``is_total_left_out``.
    """

    count: int = 20
    after: str = ""
    order: tuple[SortKey, ...] = ()
    is_total_wanted: bool = False
    is_total_left_out: bool = False


@dataclass(frozen=True)
class Found(Generic[RowT]):
    """What was found of a slice, what names the place behind it, and how much there is in all.

    ``total`` is None where it was not counted.
    """

    rows: list[RowT] = field(default_factory=list)
    following: str = ""
    total: int | None = None

    def __iter__(self) -> Iterator[RowT]:
        return iter(self.rows)

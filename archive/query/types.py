"""What a query is and what it gives back, whatever the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.query.attributes import Attribute
    from archive.query.stored_fields import StoredFields


class Level(IntEnum):
    """The information model's levels, from the root down (PS3.4 C.6)."""

    PATIENT = 0
    STUDY = 1
    SERIES = 2
    INSTANCE = 3


class Kind(Enum):
    """How values of an attribute are matched and written."""

    UID = "uid"
    TEXT = "text"
    NAME = "name"
    DATE = "date"
    TIME = "time"
    INTEGER = "integer"
    TEXTS = "texts"
    REQUEST = "request"
    CONSTANT = "constant"


@dataclass(frozen=True)
class MatchingKey:
    """One key: an attribute by keyword (dotted inside sequences) and the values it may have.

    Several values are alternatives. An empty value is universal matching.
    """

    keyword: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Query:
    """One question to the archive.

    ``study_instance_uid`` and ``series_instance_uid`` say under which parent is searched;
    ``include`` names further attributes to return, ``is_everything_included`` all there are.
    ``limit`` None means as many as the engine gives at once. Series that are withheld (a rejected
    result) are in the answers only where they are asked for, or their series is named.
    ``is_datetime_combined`` takes ranges of a date and of its time as one. ``order`` names
    attributes, each with whether the largest come first; without one the newest studies do.
    ``is_total_wanted`` has all matches counted, however many.
    """

    level: Level
    keys: tuple[MatchingKey, ...] = ()
    include: frozenset[str] = frozenset()
    is_everything_included: bool = False
    study_instance_uid: str | None = None
    series_instance_uid: str | None = None
    limit: int | None = None
    offset: int = 0
    is_fuzzy: bool = False
    is_empty_value_matching: bool = False
    is_multiple_value_matching: bool = False
    is_datetime_combined: bool = False
    is_withheld_included: bool = False
    is_total_wanted: bool = False
    order: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """One answer: the UIDs that address it and its return keys in order of their tags.

    Values are as DICOM writes them (dates ``YYYYMMDD``), integers excepted; a sequence's values
    are dictionaries from keyword to text.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    values: tuple[tuple[Attribute, tuple[Any, ...]], ...]


@dataclass(frozen=True)
class Page:
    """Answers of one call, and what was left out.

    ``rows`` hold the values of ``attributes`` in their order, each as its SQL writes it (None, an
    empty text or list where unknown), then the UIDs from the study down to the query's level.
    ``remaining`` counts further answers, exactly where ``is_remaining_exact``; ``total`` is None
    where it is not known. ``unsupported`` names keys that were not matched, ``is_fuzzy_refused``
    says that names were compared literally. Where ``stored`` fields are asked for, each row has
    a representative: key and SOP Instance UID of an instance whose object holds them, None where
    there is none.
    """

    level: Level
    attributes: tuple[Attribute, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    remaining: int = 0
    is_remaining_exact: bool = True
    total: int | None = None
    unsupported: tuple[str, ...] = ()
    is_fuzzy_refused: bool = False
    stored: StoredFields | None = None
    representatives: tuple[tuple[int, str] | None, ...] = ()

    @cached_property
    def matches(self) -> tuple[Match, ...]:
        """The answers one by one."""
        return tuple(match_of(row, self.attributes) for row in self.rows)


def match_of(row: tuple[Any, ...], attributes: Sequence[Attribute]) -> Match:
    """Take a row of a page apart.

    Parameters
    ----------
    row
        values of the attributes, then UIDs
    attributes
        in the order of the row

    Returns
    -------
    the answer without what is unknown and returned only where it is known
    """
    uids = (*row[len(attributes) :], "", "", "")
    values = []
    for attribute, value in zip(attributes, row, strict=False):
        written = attribute.values(value)
        if written or not attribute.is_optional:
            values.append((attribute, written))
    return Match(uids[0], uids[1], uids[2], tuple(values))

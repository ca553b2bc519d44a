"""Items of reports that say of the patient what attributes say elsewhere: birth, age, sex, size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

# In years; nobody leaves as older.
OLDEST = 90
# Birth (PS3.16 TID 1007) and death: left out whatever is done with dates.
_BIRTH_CONCEPTS = frozenset(
    {("121031", "DCM"), ("122165", "DCM"), ("184099003", "SCT"), ("21112-8", "LN")}
)
_SUBJECT_AGES = frozenset(
    {("121033", "DCM"), ("30525-0", "LN"), ("397669002", "SCT"), ("424144002", "SCT")}
)
# Ages at an event: who was that old then is older now.
_AGES = _SUBJECT_AGES | {("111524", "DCM"), ("111525", "DCM"), ("111538", "DCM")}
# Sex, weight, height, pregnancy and smoking.
_CHARACTERISTICS = _SUBJECT_AGES | {
    ("121032", "DCM"),
    ("11449-6", "LN"),
    ("29463-7", "LN"),
    ("72166-2", "LN"),
    ("8302-2", "LN"),
    ("27113001", "SCT"),
    ("50373000", "SCT"),
}
_YEAR = "a"
# Few to a year, so that nobody is taken for younger than they are.
_UNITS_A_YEAR = {"mo": 12, "wk": 52, "d": 365, "h": 8_760, "min": 525_600, "s": 31_536_000}


def concepts_of(item: Dataset) -> frozenset[tuple[str, str]]:
    """Return what an item says it is about: code values with their schemes.

    Parameters
    ----------
    item
        of any sequence; all but content items have none
    """
    names = item.get("ConceptNameCodeSequence") or []
    return frozenset(
        (
            str(name.get("CodeValue", "") or "").strip(),
            str(name.get("CodingSchemeDesignator", "") or "").strip(),
        )
        for name in names
    )


def is_left_out(item: Dataset, *, keeps_characteristics: bool) -> bool:
    """Whether an item goes as a whole: births always, sex and size unless they are wanted.

    Parameters
    ----------
    item
        of any sequence
    keeps_characteristics
        the profile has the option 113108
    """
    concepts = concepts_of(item)
    if concepts & _BIRTH_CONCEPTS or (_is_old(item) and not _is_in_years(item)):
        return True
    return not keeps_characteristics and bool(concepts & _CHARACTERISTICS)


def cap_age(item: Dataset) -> None:
    """Write an age of 90 years and more as 90: so few are that old that it tells who they are.

    Parameters
    ----------
    item
        changed; one that `is_left_out` lets through
    """
    if not _is_old(item):
        return
    for part in _measured(item):
        for keyword in ("FloatingPointValue", "RationalNumeratorValue", "RationalDenominatorValue"):
            if keyword in part:
                delattr(part, keyword)
        if "NumericValue" in part:
            part.NumericValue = str(OLDEST)


def _is_old(item: Dataset) -> bool:
    """Whether an item is an age of 90 years and more, or one that can't be understood."""
    if not concepts_of(item) & _AGES:
        return False
    return any(
        not math.isfinite(value) or _most_years(value, _unit(part)) >= OLDEST
        for part in _measured(item)
        for value in _values(part)
    )


def _is_in_years(item: Dataset) -> bool:
    return all(
        _unit(part) == _YEAR and math.isfinite(value)
        for part in _measured(item)
        for value in _values(part)
    )


def _most_years(value: float, unit: str) -> float:
    if unit == _YEAR:
        return value
    return value / _UNITS_A_YEAR[unit] if unit in _UNITS_A_YEAR else math.inf


def _measured(item: Dataset) -> list[Dataset]:
    """Return where numbers stand: in a content item below, in an acquisition context beside."""
    return [item, *(item.get("MeasuredValueSequence") or [])]


def _unit(part: Dataset) -> str:
    """Return the unit's code of UCUM; empty for one of another scheme, which is not understood."""
    for units in part.get("MeasurementUnitsCodeSequence") or []:
        if str(units.get("CodingSchemeDesignator", "") or "").strip() == "UCUM":
            return str(units.get("CodeValue", "") or "").strip()
    return ""


def _values(part: Dataset) -> Iterator[float]:
    for keyword in ("NumericValue", "FloatingPointValue"):
        found = part.get(keyword)
        if found not in (None, ""):
            yield from (float(one) for one in (found if _is_multiple(found) else [found]))
    above, below = (
        part.get(keyword) for keyword in ("RationalNumeratorValue", "RationalDenominatorValue")
    )
    if above not in (None, "") and below not in (None, ""):
        yield math.inf if not float(below) else float(above) / float(below)


def _is_multiple(value: object) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, str)

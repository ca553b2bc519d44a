"""Figures arranged for charts: days gathered to weeks or months, modalities to groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from archive.portal.presentation import modality_tone
from archive.statistics.counting import HEAT_MAPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.utils.functional import _StrPromise

    from archive.statistics.types import Day

# As many bars as a screen shows well.
_MOST_DAYS, _MOST_WEEKS = 100, 800
GROUPS: dict[str, str | _StrPromise] = {
    "ct": "CT",
    "mr": "MR",
    "xr": _("X-ray"),
    "us": _("Ultrasound"),
    "nm": _("Nuclear medicine"),
    "other": _("Other"),
}


@dataclass(frozen=True)
class Column:
    """A series of a chart and its colour."""

    name: str | _StrPromise
    tone: str


@dataclass(frozen=True)
class Row:
    """A place on the time axis and one value a column."""

    day: date
    words: str
    values: list[float | None]


@dataclass(frozen=True)
class Chart:
    """What a chart draws, and its table says; ``kind`` is ``stacked``, ``bars`` or ``lines``."""

    kind: str
    columns: list[Column]
    rows: list[Row]
    unit: str = ""


@dataclass(frozen=True)
class Totals:
    """Sums over some days."""

    studies: int
    instances: int
    stored_bytes: int


def totals_of(days: Sequence[Day]) -> Totals:
    """Return the sums over the days."""
    return Totals(
        sum(day.studies for day in days),
        sum(day.instances for day in days),
        sum(day.stored_bytes for day in days),
    )


def studies_chart(days: Sequence[Day]) -> Chart:
    """Return studies by group of modalities; what models and readers wrote is no group."""
    gathered = _gathered(days)
    rows = [
        Row(first, words, [float(sum(_by_group(day)[tone] for day in found)) for tone in GROUPS])
        for first, words, found in gathered
    ]
    shown = [place for place, _ in enumerate(GROUPS) if any(row.values[place] for row in rows)]
    columns = [Column(name, tone) for tone, name in GROUPS.items()]
    return Chart(
        "stacked",
        [columns[place] for place in shown],
        [Row(row.day, row.words, [row.values[place] for place in shown]) for row in rows],
    )


def images_chart(days: Sequence[Day]) -> Chart:
    """Return images by day."""
    rows = [
        Row(first, words, [float(sum(day.instances for day in found))])
        for first, words, found in _gathered(days)
    ]
    return Chart("bars", [Column(_("Images"), "twin")], rows)


def _by_group(day: Day) -> dict[str, int]:
    counted = dict.fromkeys(GROUPS, 0)
    for modality, studies in day.modalities.items():
        tone = modality_tone(modality)
        if tone in counted and modality != HEAT_MAPS:
            counted[tone] += studies
    return counted


def _gathered(days: Sequence[Day]) -> list[tuple[date, str, list[Day]]]:
    """Return days alone, by weeks, or by months, each with its first day and its words."""
    start, written = _step(len(days))
    found: dict[date, list[Day]] = {}
    for day in days:
        found.setdefault(start(day.day), []).append(day)
    return [(first, written(first), members) for first, members in found.items()]


def _step(number: int) -> tuple[Callable[[date], date], Callable[[date], str]]:
    if number <= _MOST_DAYS:
        return lambda day: day, date.isoformat
    if number <= _MOST_WEEKS:
        return lambda day: day - timedelta(days=day.weekday()), date.isoformat
    return lambda day: day.replace(day=1), lambda day: f"{day:%Y-%m}"

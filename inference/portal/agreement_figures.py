"""Agreement with models arranged for its page: shares, intervals, and a line over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from inference.portal.finding_words import statement_words

if TYPE_CHECKING:
    from datetime import date

    from inference.review.agreement import ModelAgreement, Tally

_MISSING = "\N{EN DASH}"
_MOST_STATEMENTS = 12
# The drawing area, in the units of its view box; shares of 0 to 1 upwards.
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 620, 10, 130


@dataclass(frozen=True)
class Share:
    """A share of agreement as text and as lengths of an SVG; ``span`` is the interval's."""

    name: str
    text: str
    interval: str
    place: str
    start: str
    span: str
    agreed: int
    statements: int
    accepted: int
    edited: int
    rejected: int


@dataclass(frozen=True)
class Line:
    """A model's agreement over time: SVG points, the outline of the interval, marks and dates."""

    points: str
    band: str
    dots: list[tuple[str, str]]
    marks: list[tuple[str, str]]
    dates: list[tuple[str, str, str]]


@dataclass(frozen=True)
class ModelCard:
    """One version of a model on the page."""

    model: str
    version: str
    total: Share
    periods: list[Share]
    statements: list[Share]
    line: Line | None


def card_of(found: ModelAgreement, *, is_by_month: bool) -> ModelCard:
    """Return a model's agreement as the page shows it."""
    return ModelCard(
        model=found.model,
        version=found.version,
        total=share_of("", found.total),
        periods=[
            share_of(_written(day, is_by_month=is_by_month), tally)
            for day, tally in reversed(found.periods.items())
        ],
        statements=[
            share_of(statement_words(name), tally)
            for name, tally in list(found.statements.items())[:_MOST_STATEMENTS]
        ],
        line=_line(found.periods, is_by_month=is_by_month),
    )


def share_of(name: str, tally: Tally) -> Share:
    """Return a tally as text and lengths."""
    share, interval = tally.share, tally.interval
    low, high = interval or (0.0, 0.0)
    return Share(
        name=name,
        text=_MISSING if share is None else f"{share:.0%}",
        interval=""
        if share is None
        else gettext("%(first)s to %(last)s") % {"first": f"{low:.0%}", "last": f"{high:.0%}"},
        place="" if share is None else f"{share * 100:.1f}%",
        start=f"{low * 100:.1f}%",
        span=f"{max(high - low, 0.004) * 100:.1f}%",
        agreed=tally.agreed,
        statements=tally.statements,
        accepted=tally.accepted,
        edited=tally.edited,
        rejected=tally.rejected,
    )


def _written(day: date, *, is_by_month: bool) -> str:
    if is_by_month:
        return f"{day:%Y-%m}"
    return gettext("week of %(day)s") % {"day": f"{day:%Y-%m-%d}"}


def _line(periods: dict[date, Tally], *, is_by_month: bool) -> Line | None:
    known = [(day, tally) for day, tally in periods.items() if tally.share is not None]
    if len(known) < 2:
        return None
    first, last = known[0][0].toordinal(), known[-1][0].toordinal()
    across = [
        _LEFT + 10 + (day.toordinal() - first) / (last - first) * (_RIGHT - _LEFT - 20)
        for day, _ in known
    ]
    dots, upper, lower = [], [], []
    for x, (_, tally) in zip(across, known, strict=True):
        low, high = tally.interval or (0.0, 1.0)
        dots.append((f"{x:.1f}", f"{_height(tally.share or 0.0):.1f}"))
        upper.append(f"{x:.1f},{_height(high):.1f}")
        lower.append(f"{x:.1f},{_height(low):.1f}")
    ends = (known[0][0], known[-1][0])
    return Line(
        points=" ".join(f"{x},{y}" for x, y in dots),
        band=" ".join(upper + lower[::-1]),
        dots=dots,
        marks=[(f"{_height(share):.1f}", f"{share:.0%}") for share in (0, 0.5, 1)],
        dates=[
            (f"{across[0]:.1f}", _written(ends[0], is_by_month=is_by_month), "start"),
            (f"{across[-1]:.1f}", _written(ends[1], is_by_month=is_by_month), "end"),
        ],
    )


def _height(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)

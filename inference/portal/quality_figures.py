"""Figures of retrieval arranged for their page: words, intervals, and where to draw them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.portal.presentation import title_case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from inference.models import RetrievalEvaluation

MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
# Names of the figures, what they are called, and what they say.
HEADLINES = (
    ("p_at_1", "P@1", _("The first case shares the label")),
    ("p_at_5", "P@5", _("Share of the first five")),
    ("p_at_10", "P@10", _("Share of the first ten")),
    ("map", "mAP", _("Mean average precision over the whole ranking")),
    ("ndcg_at_10", "nDCG@10", _("Gain of the first ten, the best order being 1")),
    ("recall_at_10", "Recall@10", _("Share of all that is alike within the first ten")),
)
COLUMNS = ("p_at_1", "p_at_10", "map")
TITLES = {
    "label": _("Label"),
    "modality": _("Modality"),
    "body_part": _("Body part"),
    "scanner": _("Scanner"),
    "sex": _("Sex"),
    "age_group": _("Age at the study"),
}
SEXES = {"F": _("Female"), "M": _("Male"), "O": _("Other")}
# The drawing area of the chart, in the units of its view box; shares of 0 to 1 upwards.
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 1110, 14, 208
_LINES = (("p_at_1", "P@1"), ("p_at_10", "P@10"), ("map", "mAP"))
_LABEL_GAP = 16


@dataclass(frozen=True)
class Figure:
    """One figure as text and as lengths of an SVG; ``span`` is the interval's."""

    name: str
    text: str
    interval: str = ""
    hint: str = ""
    place: str = ""
    start: str = ""
    span: str = ""
    chance: str = ""
    chance_text: str = ""


@dataclass(frozen=True)
class Line:
    """One group: how many asked, and its figures in the order of `COLUMNS`."""

    name: str
    queries: int
    patients: int
    figures: list[Figure]


@dataclass(frozen=True)
class Table:
    """The groups of one grouping."""

    title: str
    lines: list[Line]


@dataclass(frozen=True)
class Difference:
    """A figure in two spaces and what is between them."""

    name: str
    first: Figure
    second: Figure
    change: str = ""
    interval: str = ""
    tone: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Curve:
    """A figure over time: SVG points, the outline of its interval, where its name stands."""

    name: str
    key: str
    points: str
    band: str
    dots: list[tuple[str, str]]
    label_y: str


@dataclass(frozen=True)
class Chart:
    """History as lines; ``rows`` says the same as a table."""

    curves: list[Curve]
    marks: list[tuple[str, str]]
    dates: list[tuple[str, str, str]]
    rows: list[tuple[datetime, list[Figure]]] = field(default_factory=list)


def figure(cell: Mapping[str, Any], key: str, name: str = "", hint: str = "") -> Figure:
    """Return one figure of a cell with its interval."""
    value, low, high = cell.get(key) or (None, None, None)
    if value is None:
        return Figure(name, MISSING, hint=hint)
    chance = (cell.get("chance") or [None])[0] if key.startswith(("p_at", "map")) else None
    return Figure(
        name=name,
        text=f"{value:.3f}",
        interval=gettext("too few patients")
        if low is None
        else gettext("%(first)s to %(last)s") % {"first": f"{low:.2f}", "last": f"{high:.2f}"},
        hint=hint,
        place=_percent(value),
        start="" if low is None else _percent(low),
        span="" if low is None or high is None else _percent(max(high - low, 0.004)),
        chance=_percent(chance) if chance is not None else "",
        chance_text=f"{chance:.2f}" if chance is not None else "",
    )


def headlines(figures: Mapping[str, Any]) -> list[Figure]:
    """Return the figures over all queries."""
    return [figure(figures["all"], key, name, str(hint)) for key, name, hint in HEADLINES]


def tables(figures: Mapping[str, Any]) -> list[Table]:
    """Return the groupings; inside one modality and body part first, which is the hard part."""
    made = []
    if figures.get("within"):
        made.append(
            Table(gettext("Within one modality and body part"), _lines(figures["within"], _pair))
        )
    for key, title in TITLES.items():
        cells = figures.get("by", {}).get(key) or {}
        if key == "age_group":
            cells = dict(sorted(cells.items()))
        if cells:
            made.append(Table(str(title), _lines(cells, _WRITTEN.get(key, str))))
    return made


def differences(
    first: Mapping[str, Any], second: Mapping[str, Any], paired: Mapping[str, Any] | None
) -> list[Difference]:
    """Return two spaces side by side; where they were measured in pairs, what is sure."""
    return [
        _difference(
            figure(first, key, name), figure(second, key, name), (paired or {}).get(key), name
        )
        for key, name, _ in HEADLINES
    ]


def chart(evaluations: Sequence[RetrievalEvaluation]) -> Chart | None:
    """Return the history, oldest first; None with fewer than two measurements."""
    rows = sorted(evaluations, key=lambda row: (row.created_at, row.pk))
    if len(rows) < 2:
        return None
    places = _places([row.created_at for row in rows])
    ends = _apart([_height(rows[-1].figures["all"][key][0]) for key, _ in _LINES])
    curves = [
        _curve(key, name, rows, places, end) for (key, name), end in zip(_LINES, ends, strict=True)
    ]
    marks = [(f"{_height(share):.1f}", f"{share:g}") for share in (0, 0.25, 0.5, 0.75, 1)]
    dates = [
        (f"{places[0]:.1f}", f"{rows[0].created_at:%Y-%m-%d}", "start"),
        (f"{places[-1]:.1f}", f"{rows[-1].created_at:%Y-%m-%d}", "end"),
    ]
    listed = [
        (row.created_at, [figure(row.figures["all"], key, name) for key, name in _LINES])
        for row in reversed(rows)
    ]
    return Chart(curves, marks, dates, listed)


def _difference(first: Figure, second: Figure, paired: Any, name: str) -> Difference:
    if not paired or paired[0] is None:
        return Difference(name, first, second)
    value, low, high = paired
    if low is None:
        return Difference(name, first, second, _signed(value), gettext("too few patients"))
    interval = gettext("%(first)s to %(last)s") % {"first": _signed(low), "last": _signed(high)}
    tone, verdict = "", gettext("no sure difference")
    if low > 0:
        tone, verdict = "ok", gettext("surely better")
    elif high < 0:
        tone, verdict = "bad", gettext("surely worse")
    return Difference(name, first, second, _signed(value), interval, tone, verdict)


def _lines(cells: Mapping[str, Any], written: Callable[[str], str]) -> list[Line]:
    return [
        Line(
            name=written(name),
            queries=cell["queries"],
            patients=cell["patients"],
            figures=[figure(cell, key) for key in COLUMNS],
        )
        for name, cell in cells.items()
    ]


def _pair(name: str) -> str:
    modality, _, body_part = name.partition(" · ")
    return f"{modality} · {title_case(body_part)}"


def _sex(name: str) -> str:
    return str(SEXES.get(name, name))


_WRITTEN: dict[str, Callable[[str], str]] = {"body_part": title_case, "sex": _sex}


def _places(moments: Sequence[datetime]) -> list[float]:
    """Place moments from left to right; where all are of one moment, evenly."""
    first, last = moments[0].timestamp(), moments[-1].timestamp()
    if last - first < 1:
        shares = [number / (len(moments) - 1) for number in range(len(moments))]
    else:
        shares = [(moment.timestamp() - first) / (last - first) for moment in moments]
    return [_LEFT + 12 + share * (_RIGHT - _LEFT - 24) for share in shares]


def _curve(
    key: str, name: str, rows: Sequence[RetrievalEvaluation], places: list[float], end: float
) -> Curve:
    cells = [row.figures["all"][key] for row in rows]
    dots = [(f"{x:.1f}", f"{_height(cell[0]):.1f}") for x, cell in zip(places, cells, strict=True)]
    known = [(x, cell) for x, cell in zip(places, cells, strict=True) if cell[1] is not None]
    edge = [f"{x:.1f},{_height(cell[2]):.1f}" for x, cell in known]
    edge += [f"{x:.1f},{_height(cell[1]):.1f}" for x, cell in reversed(known)]
    return Curve(
        name=name,
        key=key.replace("_", "-"),
        points=" ".join(f"{x},{y}" for x, y in dots),
        band=" ".join(edge) if len(known) > 1 else "",
        dots=dots,
        label_y=f"{end:.1f}",
    )


def _apart(heights: list[float]) -> list[float]:
    """Move names that would lie on each other apart, keeping their order."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    moved, above = list(heights), float("-inf")
    for index in order:
        moved[index] = max(heights[index], above + _LABEL_GAP)
        above = moved[index]
    return [height + 4 for height in moved]


def _height(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0), 1):.1f}%"


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else MINUS}{abs(value):.3f}"

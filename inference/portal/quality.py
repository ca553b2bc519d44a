"""The page on the quality of retrieval: for radiology admins of the whole archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.errors import InvalidRequestError
from archive.portal.statuses import speaks_html
from inference.portal.quality_figures import chart, differences, headlines, tables
from inference.similarity.quality.evaluation import LEVELS
from inference.similarity.quality.services import (
    list_calibrations,
    list_evaluations,
    list_label_sets,
    pending_evaluation,
    quality_of_spaces,
    request_evaluation,
)
from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from inference.models import RetrievalEvaluation
    from inference.similarity.quality.services import LabelSetSummary, SpaceQuality

# Half a year of nights.
MAX_HISTORY = 180
LEVEL_NAMES = {Level.SERIES: _("Series"), Level.INSTANCE: _("Single images")}


@dataclass(frozen=True)
class Choice:
    """What the page shows; names that don't exist give way to those that do."""

    space: SpaceQuality
    label_set: str
    level: Level
    other: SpaceQuality | None = None

    @property
    def query(self) -> dict[str, str]:
        """The choice as an address has it."""
        named = {"space": self.space.space.name, "label_set": self.label_set}
        named["level"] = self.level.value
        return named | ({"with": self.other.space.name} if self.other else {})


@require_safe
@speaks_html
def quality_page(request: HttpRequest) -> HttpResponse:
    """Show the figures of a space by a set of labels, their history, and another space beside."""
    spaces, sets = quality_of_spaces(request.user), list_label_sets(request.user)
    choice = _choice(request.GET, spaces, sets)
    context: dict[str, Any] = {"spaces": spaces, "label_sets": sets, "levels": LEVEL_NAMES}
    if choice is not None:
        context |= _figures(request, choice)
    return render(request, "similarity/quality.html", context)


@require_POST
@speaks_html
def quality_evaluate(request: HttpRequest) -> HttpResponse:
    """Have the chosen space measured by a worker."""
    named = {key: request.POST.get(key, "") for key in ("space", "label_set", "level")}
    try:
        level = Level(named["level"]) if named["level"] in list(Level) else Level.SERIES
        is_new = request_evaluation(
            asker=asker_of(request),
            space=named["space"],
            label_set=named["label_set"],
            level=level,
        )
        if not is_new:
            messages.info(request, gettext("This is being measured already."))
    except InvalidRequestError as error:
        messages.error(request, error.message)
    return redirect(reverse("similarity:quality", query=named))


def _choice(
    query: Mapping[str, str], spaces: Sequence[SpaceQuality], sets: Sequence[LabelSetSummary]
) -> Choice | None:
    if not spaces or not sets:
        return None
    by_name = {one.space.name: one for one in spaces}
    space = by_name.get(query.get("space", ""), spaces[0])
    names = [one.name for one in sets]
    measured = [row.label_set for row in space.evaluations if row.label_set in names]
    # Most labels: the question that is hardest to get right.
    usual = max(sets, key=lambda one: one.number_of_labels).name
    wanted = query.get("label_set", "")
    label_set = wanted if wanted in names else usual if usual in measured else [*measured, usual][0]
    wanted_level = query.get("level", "")
    level = Level(wanted_level) if wanted_level in list(LEVELS) else Level.SERIES
    other = by_name.get(query.get("with", ""))
    return Choice(space, label_set, level, other if other is not space else None)


def _figures(request: HttpRequest, choice: Choice) -> dict[str, Any]:
    rows = list_evaluations(
        request.user,
        space=choice.space.space.name,
        label_set=choice.label_set,
        level=choice.level.value,
        limit=MAX_HISTORY,
    )
    context: dict[str, Any] = {
        "choice": choice,
        "pending": pending_evaluation(choice.space.space, choice.label_set, choice.level),
        "page_url": reverse("similarity:quality", query=choice.query),
        "calibrations": list_calibrations(request.user, choice.space.space.name),
    }
    if rows:
        context |= {
            "newest": rows[0],
            "headlines": headlines(rows[0].figures),
            "tables": tables(rows[0].figures),
            "chart": chart(rows),
        }
        if choice.other is not None:
            context |= _beside(rows[0], choice)
    return context


def _beside(own: RetrievalEvaluation, choice: Choice) -> dict[str, Any]:
    """Put the other space's newest figures beside: in pairs where they were measured so."""
    assert choice.other is not None  # noqa: S101 the caller asked
    found = [
        row
        for row in choice.other.evaluations
        if (row.label_set, row.level) == (choice.label_set, choice.level.value)
    ]
    if not found:
        return {"is_other_unmeasured": True}
    theirs = found[0]
    against = theirs.figures.get("against")
    if against and against["space"] == choice.space.space.name:
        paired = differences(against["default"], against["own"], against["difference"])
        return {"differences": paired, "objects_in_both": against["objects"]}
    mirrored = own.figures.get("against")
    if mirrored and mirrored["space"] == choice.other.space.name:
        turned = {
            key: _turned(value)
            for key, value in mirrored["difference"].items()
            if isinstance(value, list)
        }
        paired = differences(mirrored["own"], mirrored["default"], turned)
        return {"differences": paired, "objects_in_both": mirrored["objects"]}
    return {"differences": differences(own.figures["all"], theirs.figures["all"], None)}


def _turned(interval: list[float | None]) -> list[float | None]:
    value, low, high = interval
    return [_negative(value), _negative(high), _negative(low)]


def _negative(value: float | None) -> float | None:
    return None if value is None else -value

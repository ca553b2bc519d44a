"""Two to four images side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.errors import NotVisibleError
from archive.portal.presentation import age, person_name, sex, short_date, title_case
from archive.portal.statuses import speaks_html
from archive.portal.viewer import CT_PRESETS, viewer_data
from archive.query.series_frames import series_stack
from archive.retrieve.trail import note_access
from inference.portal.finding_words import class_name, question_name
from inference.portal.forms import UID
from inference.similarity.explaining.comparison import compared_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from archive.models.querysets import AnyUser
    from inference.similarity.explaining.comparison import ComparedCase

MAX_VIEWPORTS = 4


@dataclass(frozen=True)
class Wanted:
    """One viewport as the address names it: an image, perhaps one of its frames."""

    uid: str
    frame: int | None = None


@dataclass(frozen=True)
class Cell:
    """What one case says in a row of the table, and whether the first case says the same."""

    text: str
    is_shared: bool = False


@dataclass(frozen=True)
class Row:
    """One attribute over all cases."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ChipRow:
    """Labels or findings over all cases; each chip knows whether the first case has it too."""

    name: str
    cells: tuple[tuple[Cell, ...], ...]


@require_safe
@speaks_html
def compare_page(request: HttpRequest) -> HttpResponse:
    """Show the query and chosen hits beside each other, linked."""
    wanted = _wanted(request)
    if not wanted:
        message = gettext("Nothing to compare.")
        raise NotVisibleError(message)
    cases = compared_cases(request.user, [one.uid for one in wanted])
    modalities = {case.path.modality for case in cases}
    context = {
        "cases": cases,
        "has_reference": bool(request.GET.get("ref")),
        "views": _views(request.user, cases, wanted),
        "rows": attribute_rows(cases),
        "chip_rows": chip_rows(cases),
        "presets": CT_PRESETS if modalities == {"CT"} else (),
        "back_url": reverse("similarity:similar-page", query={"instance": wanted[0].uid}),
    }
    for study_uid in dict.fromkeys(case.path.study_uid for case in cases):
        note_access(asker_of(request), study_uid, "compare")
    return render(request, "similarity/compare.html", context)


def _wanted(request: HttpRequest) -> list[Wanted]:
    texts = [*request.GET.getlist("ref")[:1], *request.GET.getlist("with")]
    found: dict[str, Wanted] = {}
    for text in texts:
        uid, _, frame = text.partition(":")
        if not UID.match(uid):
            message = gettext("There is no such image, or it is outside your projects.")
            raise NotVisibleError(message)
        is_number = frame.isascii() and frame.isdigit() and len(frame) < 7
        found.setdefault(uid, Wanted(uid, int(frame) if is_number else None))
    return list(found.values())[:MAX_VIEWPORTS]


def _views(
    user: AnyUser, cases: Sequence[ComparedCase], wanted: Sequence[Wanted]
) -> list[dict[str, Any]]:
    """Return what each viewport's script reads."""
    return [
        {
            **viewer_data(series_stack(user, case.path.study_uid, case.path.series_uid)),
            "start": {"instance": one.uid, "frame": one.frame},
        }
        for case, one in zip(cases, wanted, strict=True)
    ]


def attribute_rows(cases: Sequence[ComparedCase]) -> list[Row]:
    """Return what the headers say, side by side; what nobody says is left out."""
    written = {
        gettext("Patient"): [person_name(case.patient_name) for case in cases],
        gettext("Age and sex"): [
            " · ".join(filter(None, [age(case.patient_age), sex(case.patient_sex)]))
            for case in cases
        ],
        gettext("Study date"): [short_date(case.study_date) for case in cases],
        gettext("Study"): [case.study_description for case in cases],
        gettext("Series"): [case.path.description for case in cases],
        gettext("Modality"): [case.path.modality for case in cases],
        gettext("Body part"): [title_case(case.body_part) for case in cases],
        gettext("Side"): [case.laterality for case in cases],
        gettext("Manufacturer"): [case.manufacturer for case in cases],
        gettext("Protocol"): [case.protocol_name for case in cases],
    }
    return [Row(name, _cells(texts)) for name, texts in written.items() if any(texts)]


def _cells(texts: Sequence[str]) -> tuple[Cell, ...]:
    first, *others = texts
    shared = [bool(first) and text.casefold() == first.casefold() for text in others]
    return (Cell(first), *(Cell(text, one) for text, one in zip(others, shared, strict=True)))


def chip_rows(cases: Sequence[ComparedCase]) -> list[ChipRow]:
    """Return labels and model findings, side by side."""
    rows = {
        gettext("Labels"): [case.labels for case in cases],
        gettext("Model findings"): [tuple(map(_finding, case.findings)) for case in cases],
    }
    return [
        ChipRow(name, tuple(_chips(one, values[0], index) for index, one in enumerate(values)))
        for name, values in rows.items()
        if any(values)
    ]


def _finding(text: str) -> str:
    """Return ``name:label`` of a model as people write it."""
    name, _, label = text.partition(":")
    return f"{question_name(name)}:{class_name(name, label)}"


def _chips(values: Sequence[str], first: Sequence[str], index: int) -> tuple[Cell, ...]:
    return tuple(Cell(value, index > 0 and value in first) for value in values)

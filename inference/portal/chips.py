"""What a search is narrowed by, one removable chip each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.portal.presentation import sex, title_case
from inference.portal.addresses import page_address, without
from inference.portal.forms import LIST_FILTERS
from inference.similarity.types import PatientScope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import QueryDict

    from inference.portal.forms import SimilarForm

_NAMES = {
    "modality": "Modality",
    "body_part": "Body part",
    "laterality": "Side",
    "view": "View",
    "sex": "Sex",
    "manufacturer": "Manufacturer",
    "project": "Project",
    "label": "Label",
    "finding": "Finding",
    "attribute": "Attribute",
}
_SIDES = {"L": "left", "R": "right", "B": "both", "U": "unpaired"}
_SCOPES = {PatientScope.ONLY.value: "same patient only", PatientScope.ANY.value: "everyone"}


@dataclass(frozen=True)
class Chip:
    """One condition, and the page without it."""

    name: str
    value: str
    url: str


def chips_of(form: SimilarForm, state: QueryDict) -> list[Chip]:
    """Return the conditions that hold, in the order of the form."""
    return list(_chips(form, state))


def _chips(form: SimilarForm, state: QueryDict) -> Iterator[Chip]:
    if words := form.value("text"):
        yield Chip("Words", words, page_address(without(state, "text")))
    for name in LIST_FILTERS:
        for value in form.value(name) or ():
            url = page_address(without(state, name, value))
            yield Chip(_NAMES[name], _written(name, value), url)
    for keyword, value in form.value("attribute") or ():
        url = page_address(without(state, "attribute", f"{keyword}={value}"))
        yield Chip(keyword, value, url)
    yield from _range(form, state, "Study date", ("date_from", "date_to"))
    yield from _range(form, state, "Age", ("age_from", "age_to"))
    if scope := _SCOPES.get(form.patient_value):
        yield Chip("Patients", scope, page_address(without(state, "patient")))


def _written(name: str, value: str) -> str:
    if name == "sex":
        return sex(value)
    if name == "laterality":
        return _SIDES.get(value.upper(), value)
    return title_case(value) if name == "body_part" else value


def _range(form: SimilarForm, state: QueryDict, name: str, ends: tuple[str, str]) -> Iterator[Chip]:
    first, last = (form.value(end) for end in ends)
    if first is None and last is None:
        return
    left = without(without(state, ends[0]), ends[1])
    yield Chip(name, _between(first, last), page_address(left))


def _between(first: Any, last: Any) -> str:
    if first is None:
        return f"to {last}"
    return f"from {first}" if last is None else f"{first} to {last}"

"""What a search is narrowed by, one removable chip each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from archive.portal.presentation import sex, title_case
from inference.portal.addresses import page_address, without
from inference.portal.finding_words import class_name, label_name, question_name
from inference.portal.forms import LIST_FILTERS
from inference.similarity.types import PatientScope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import QueryDict

    from inference.portal.forms import SimilarForm

_NAMES = {
    "modality": _("Modality"),
    "body_part": _("Body part"),
    "laterality": _("Side"),
    "view": pgettext_lazy("projection", "View"),
    "sex": _("Sex"),
    "manufacturer": _("Manufacturer"),
    "project": _("Project"),
    "label": _("Label"),
    "finding": _("Finding"),
    "attribute": _("Attribute"),
}
_SIDES = {
    "L": pgettext_lazy("side", "left"),
    "R": pgettext_lazy("side", "right"),
    "B": pgettext_lazy("side", "both"),
    "U": _("unpaired"),
}
_SCOPES = {PatientScope.ONLY.value: _("same patient only"), PatientScope.ANY.value: _("everyone")}


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
        yield Chip(gettext("Words"), words, page_address(without(state, "text")))
    for name in LIST_FILTERS:
        for value in form.value(name) or ():
            url = page_address(without(state, name, value))
            yield Chip(str(_NAMES[name]), _written(name, value), url)
    for keyword, value in form.value("attribute") or ():
        url = page_address(without(state, "attribute", f"{keyword}={value}"))
        yield Chip(keyword, value, url)
    yield from _range(form, state, gettext("Study date"), ("date_from", "date_to"))
    yield from _range(form, state, gettext("Age"), ("age_from", "age_to"))
    if scope := _SCOPES.get(form.patient_value):
        yield Chip(gettext("Patients"), str(scope), page_address(without(state, "patient")))


def _written(name: str, value: str) -> str:
    if name == "sex":
        return sex(value)
    if name == "laterality":
        return str(_SIDES.get(value.upper(), value))
    if name == "finding":
        return _finding(value)
    return title_case(value) if name == "body_part" else value


def _finding(value: str) -> str:
    """Return ``class`` or ``name:class`` in words; whatever a model found has a word, too."""
    if value.strip().lower() == "any":
        return gettext("any")
    name, colon, label = value.partition(":")
    return f"{question_name(name)}: {class_name(name, label)}" if colon else label_name(value)


def _range(form: SimilarForm, state: QueryDict, name: str, ends: tuple[str, str]) -> Iterator[Chip]:
    first, last = (form.value(end) for end in ends)
    if first is None and last is None:
        return
    left = without(without(state, ends[0]), ends[1])
    yield Chip(name, _between(first, last), page_address(left))


def _between(first: Any, last: Any) -> str:
    if first is None:
        return gettext("to %(last)s") % {"last": last}
    if last is None:
        return gettext("from %(first)s") % {"first": first}
    return gettext("%(first)s to %(last)s") % {"first": first, "last": last}

"""The review worklist's filters and decisions as they come from a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext

from archive.errors import InvalidRequestError
from inference.review.types import Correction, Order, ReviewFilters, Scope, Standing

if TYPE_CHECKING:
    from django.http import QueryDict

UID = re.compile(r"^[0-9.]{1,64}$")
_FIELD = re.compile(r"^(label|value|removed)-(\d{1,18})$", re.ASCII)


class ReviewFiltersForm(forms.Form):
    """What the worklist is narrowed to; a bad value is as good as none."""

    standing = forms.ChoiceField(choices=[(one.value, one.value) for one in Standing])
    order = forms.ChoiceField(choices=[(one.value, one.value) for one in Order])
    model = forms.CharField(max_length=64)
    modality = forms.CharField(max_length=16)
    finding = forms.CharField(max_length=64)
    study = forms.RegexField(UID)
    scope = forms.ChoiceField(choices=[(one.value, one.value) for one in Scope])

    def filters(self) -> ReviewFilters:
        """Return the filters."""
        self.is_valid()
        held = self.cleaned_data
        return ReviewFilters(
            standing=Standing(held.get("standing") or Standing.WAITING),
            order=Order(held.get("order") or Order.URGENT),
            model=held.get("model", ""),
            modality=held.get("modality", ""),
            finding=held.get("finding", ""),
            study=held.get("study", ""),
            scope=Scope(held.get("scope") or Scope.TELLING),
        )


def address_of(filters: ReviewFilters) -> dict[str, str]:
    """Return the filters as parameters of an address, without those that say nothing."""
    usual = ReviewFilters()
    return {
        name: str(getattr(filters, name))
        for name in ("standing", "order", "model", "modality", "finding", "study", "scope")
        if getattr(filters, name) != getattr(usual, name)
    }


def corrections_of(data: QueryDict) -> list[Correction]:
    """Read what the reviewer has otherwise; an empty field changes nothing.

    Raises
    ------
    InvalidRequestError
        A value is no number.
    """
    held: dict[int, dict[str, str]] = {}
    for name, text in data.items():
        found = _FIELD.match(name)
        if found and str(text).strip():
            held.setdefault(int(found[2]), {})[found[1]] = str(text).strip()
    return [
        Correction(
            finding=finding,
            label=fields.get("label", ""),
            value=_number(fields.get("value", "")),
            is_removed="removed" in fields,
        )
        for finding, fields in held.items()
    ]


def _number(text: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError as error:
        raise InvalidRequestError(gettext("A measurement is a number.")) from error
    if abs(number) > 1e12 or number != number:  # noqa: PLR0124 only NaN differs from itself
        raise InvalidRequestError(gettext("A measurement is a finite number."))
    return number

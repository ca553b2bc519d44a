"""The study list's filters as they come in the URL."""

from __future__ import annotations

from typing import Any

from django import forms

from archive.dicom.uids import is_valid_uid
from archive.query.worklist import Place, WorklistFilters
from archive.query.worklist_order import SORT_KEYS

# Beyond, pages are found behind a study alone, not by counting.
DEEPEST_PAGE = 400


class WorklistForm(forms.Form):
    """Filters, order and page; a bad value is as good as none, the rest still holds."""

    q = forms.CharField(required=False, max_length=128)
    patient = forms.CharField(required=False, max_length=128)
    date_from = forms.DateField(required=False)
    date_to = forms.DateField(required=False)
    accession = forms.CharField(required=False, max_length=64)
    description = forms.CharField(required=False, max_length=128)
    project = forms.SlugField(required=False, max_length=64)
    sort = forms.CharField(required=False, max_length=32)
    since = forms.DateTimeField(required=False)
    page = forms.IntegerField(required=False, min_value=1, max_value=1_000_000)
    after = forms.CharField(required=False, max_length=64)
    before = forms.CharField(required=False, max_length=64)

    def filters(self) -> WorklistFilters:
        """Return the valid part of what was asked."""
        self.is_valid()
        data: dict[str, Any] = self.cleaned_data
        order = data.get("sort") or "-date"
        key = order.removeprefix("-")
        if key not in SORT_KEYS:
            order, key = "-date", "date"
        return WorklistFilters(
            search=data.get("q") or "",
            patient=data.get("patient") or "",
            date_from=data.get("date_from"),
            date_to=data.get("date_to"),
            modalities=self.modalities(),
            accession=data.get("accession") or "",
            description=data.get("description") or "",
            project=data.get("project") or "",
            received_after=data.get("since"),
            sort=key,
            is_descending=order.startswith("-"),
        )

    def modalities(self) -> tuple[str, ...]:
        """Return the chosen modality codes."""
        chosen = self.data.getlist("modality") if hasattr(self.data, "getlist") else []
        return tuple(dict.fromkeys(code.upper()[:16] for code in chosen if code.isalnum()))

    def place(self) -> Place:
        """Return where the page begins."""
        self.is_valid()
        after, before = (self.cleaned_data.get(name) or "" for name in ("after", "before"))
        number = self.page_number()
        if not is_valid_uid(after or before):
            return Place(page=min(number, DEEPEST_PAGE))
        return Place(page=number, after=after, before="" if after else before)

    def page_number(self) -> int:
        """Return the page asked for, from 1."""
        self.is_valid()
        return self.cleaned_data.get("page") or 1

    def is_narrowed(self) -> bool:
        """Whether anything is left out of the list."""
        filters = self.filters()
        return filters != WorklistFilters(sort=filters.sort, is_descending=filters.is_descending)

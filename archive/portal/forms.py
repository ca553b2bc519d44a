"""The study list's filters as they come in the URL."""

from __future__ import annotations

from typing import Any

from django import forms

from archive.query.worklist import SORT_KEYS, WorklistFilters


class WorklistForm(forms.Form):
    """Filters, order and page; a bad value is as good as none, the rest still holds."""

    patient = forms.CharField(required=False, max_length=128)
    date_from = forms.DateField(required=False)
    date_to = forms.DateField(required=False)
    accession = forms.CharField(required=False, max_length=64)
    description = forms.CharField(required=False, max_length=128)
    sort = forms.CharField(required=False, max_length=32)
    page = forms.IntegerField(required=False, min_value=1)

    def filters(self) -> WorklistFilters:
        """Return the valid part of what was asked."""
        self.is_valid()
        data: dict[str, Any] = self.cleaned_data
        order = data.get("sort") or "-date"
        key = order.removeprefix("-")
        if key not in SORT_KEYS:
            order, key = "-date", "date"
        return WorklistFilters(
            patient=data.get("patient") or "",
            date_from=data.get("date_from"),
            date_to=data.get("date_to"),
            modalities=self.modalities(),
            accession=data.get("accession") or "",
            description=data.get("description") or "",
            sort=key,
            is_descending=order.startswith("-"),
        )

    def modalities(self) -> tuple[str, ...]:
        """Return the chosen modality codes."""
        chosen = self.data.getlist("modality") if hasattr(self.data, "getlist") else []
        return tuple(dict.fromkeys(code.upper()[:16] for code in chosen if code.isalnum()))

    def page_number(self) -> int:
        """Return the page asked for, from 1."""
        self.is_valid()
        return self.cleaned_data.get("page") or 1

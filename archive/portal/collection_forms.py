"""What the pages of collections send."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from archive.collections.types import CasePath, Kind
from archive.deid.types import DatePolicy
from archive.research.teaching.types import ExportOptions

KINDS = ((Kind.COHORT, _("Cohort")), (Kind.TEACHING, _("Teaching file")), (Kind.QUIZ, _("Quiz")))


class CollectionForm(forms.Form):
    """A collection's own words; an absent field stays as it is."""

    name = forms.CharField(max_length=128, required=False)
    kind = forms.ChoiceField(choices=KINDS, required=False)
    description = forms.CharField(max_length=4000, required=False)
    project = forms.CharField(max_length=64, required=False)

    def changes(self) -> dict[str, str | None]:
        """Return the fields that were sent."""
        return {name: self.cleaned_data[name] for name in self.fields if name in self.data}


class ObjectForm(forms.Form):
    """The object that is collected, and into what."""

    study = forms.CharField(max_length=64, required=False)
    series = forms.CharField(max_length=64, required=False)
    instance = forms.CharField(max_length=64, required=False)
    frame = forms.IntegerField(min_value=1, required=False)
    collection = forms.IntegerField(min_value=1, required=False)
    name = forms.CharField(max_length=128, required=False)

    def path(self) -> CasePath:
        """Return the object."""
        data: dict[str, Any] = self.cleaned_data
        return CasePath(data["study"], data["series"], data["instance"], data["frame"])


class CaseForm(forms.Form):
    """What is written beside a case."""

    title = forms.CharField(max_length=128, required=False)
    diagnosis = forms.CharField(max_length=255, required=False)
    note = forms.CharField(max_length=8000, required=False)


class ExportForm(forms.Form):
    """How a collection leaves."""

    dates = forms.ChoiceField(choices=[(one.value, one.value) for one in DatePolicy])
    characteristics = forms.BooleanField(required=False)
    quiz = forms.BooleanField(required=False)

    def options(self, looked_at: list[str]) -> ExportOptions:
        """Return the options; what is no number names no case."""
        return ExportOptions(
            is_quiz=self.cleaned_data["quiz"],
            dates=DatePolicy(self.cleaned_data["dates"]),
            keeps_patient_characteristics=self.cleaned_data["characteristics"],
            looked_at=frozenset(int(key) for key in looked_at if key.isdecimal()),
        )


def first_error(form: forms.Form) -> tuple[str, str]:
    """Return the name of the first wrong field, and what is wrong with it."""
    field, messages = next(iter(form.errors.items()))
    return field, " ".join(str(message) for message in messages)

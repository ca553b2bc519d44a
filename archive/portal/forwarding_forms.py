"""Rules of forwarding and prefetch, and questions to peers, as their pages take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.forwarding.fetches import SEARCH_KEYS
from archive.forwarding.prefetch_rules import PrefetchValues
from archive.forwarding.rules import RuleValues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models import ForwardingRule

_FIELDS = dict(
    zip(SEARCH_KEYS, ("patient_id", "patient_name", "date", "modality", "accession"), strict=True)
)


class TermsField(forms.CharField):
    """Words between commas."""

    def to_python(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]
        """Return the words; none for an empty field."""
        text = super().to_python(value) or ""
        return tuple(word.strip() for word in text.split(",") if word.strip())


class ConditionsField(forms.CharField):
    """Lines of ``Keyword = value``."""

    def to_python(self, value: Any) -> dict[str, str]:  # type: ignore[override]
        """Return the values by keyword."""
        found: dict[str, str] = {}
        for line in (super().to_python(value) or "").splitlines():
            keyword, equals, pattern = line.partition("=")
            if not line.strip():
                continue
            if not (equals and keyword.strip() and pattern.strip()):
                raise forms.ValidationError(gettext("Write each as: Keyword = value"))
            found[keyword.strip()] = pattern.strip()
        return found


class RuleForm(forms.Form):
    """What a forwarding rule says."""

    name = forms.CharField(max_length=128)
    peer = forms.IntegerField(min_value=1)
    project = forms.CharField(max_length=64, required=False)
    modalities = TermsField(max_length=400, required=False)
    conditions = ConditionsField(max_length=4000, required=False, strip=False)
    includes_results = forms.BooleanField(required=False)
    from_time = forms.TimeField(required=False)
    until_time = forms.TimeField(required=False)

    def values(self) -> RuleValues:
        """Return the rule; the form is valid."""
        return RuleValues(**self.cleaned_data)


def initial_of(rule: ForwardingRule) -> dict[str, Any]:
    """Return a kept rule as the form's first content."""
    return {
        "name": rule.name,
        "peer": rule.peer_id,
        "project": rule.project.slug if rule.project else "",
        "modalities": ", ".join(rule.modalities),
        "conditions": "\n".join(f"{key} = {value}" for key, value in rule.conditions.items()),
        "includes_results": rule.includes_results,
        "from_time": rule.from_time.strftime("%H:%M") if rule.from_time else "",
        "until_time": rule.until_time.strftime("%H:%M") if rule.until_time else "",
    }


class PrefetchForm(forms.Form):
    """What a prefetch rule says."""

    name = forms.CharField(max_length=128)
    peer = forms.IntegerField(min_value=1)
    modalities = TermsField(max_length=400, required=False)
    prior_modalities = TermsField(max_length=400, required=False)
    most_studies = forms.IntegerField(min_value=1, max_value=50)
    most_years = forms.IntegerField(min_value=1, max_value=100)

    def values(self) -> PrefetchValues:
        """Return the rule; the form is valid."""
        return PrefetchValues(**self.cleaned_data)


class SearchForm(forms.Form):
    """What a peer is asked for."""

    peer = forms.IntegerField(min_value=1)
    patient_id = forms.CharField(label=_("Patient ID"), max_length=64, required=False)
    patient_name = forms.CharField(max_length=64, required=False)
    date = forms.CharField(max_length=64, required=False)
    modality = forms.CharField(max_length=16, required=False)
    accession = forms.CharField(max_length=64, required=False)

    def keys(self) -> dict[str, str]:
        """Return the values by DICOM keyword; the form is valid."""
        held = self.cleaned_data
        keys = {keyword: held[name] for keyword, name in _FIELDS.items() if held[name]}
        if date := keys.get("StudyDate"):
            keys["StudyDate"] = date.replace("-", "") if date.count("-") > 1 else date
        return keys


class SendForm(forms.Form):
    """Which studies are sent to which peer."""

    peer = forms.IntegerField(min_value=1)

    def __init__(self, data: Any, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.studies: Sequence[str] = data.getlist("study")

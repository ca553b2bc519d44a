"""A routing rule as its page takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext

from inference.portal.run_states import URGENCIES
from inference.runs.rules import RuleValues

if TYPE_CHECKING:
    from inference.models import RoutingRule


class TermsField(forms.CharField):
    """Words between commas."""

    def to_python(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]
        """Return the words; none for an empty field."""
        text = super().to_python(value) or ""
        return tuple(word.strip() for word in text.split(",") if word.strip())


class AttributesField(forms.CharField):
    """Lines of ``Keyword = value, value``."""

    def to_python(self, value: Any) -> dict[str, list[str]]:  # type: ignore[override]
        """Return the values by keyword."""
        found: dict[str, list[str]] = {}
        for line in (super().to_python(value) or "").splitlines():
            keyword, equals, values = line.partition("=")
            words = [word.strip() for word in values.split(",") if word.strip()]
            if not line.strip():
                continue
            if not (equals and keyword.strip() and words):
                raise forms.ValidationError(gettext("Write each as: Keyword = value, value"))
            found.setdefault(keyword.strip(), []).extend(words)
        return found


class RuleForm(forms.Form):
    """What a rule says."""

    model = forms.CharField(max_length=100)
    name = forms.CharField(max_length=120, required=False)
    modalities = TermsField(max_length=400, required=False)
    body_parts = TermsField(max_length=800, required=False)
    description_contains = forms.CharField(max_length=64, required=False)
    minimum_instances = forms.IntegerField(min_value=1, max_value=100_000, required=False)
    attributes = AttributesField(max_length=4000, required=False, strip=False)
    projects = forms.TypedMultipleChoiceField(required=False, choices=())
    time_from = forms.TimeField(required=False)
    time_until = forms.TimeField(required=False)
    priority = forms.TypedChoiceField(coerce=int, choices=list(URGENCIES.items()), required=False)
    is_shadow = forms.BooleanField(required=False)

    def __init__(self, *args: Any, projects: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["projects"]
        field.choices = projects

    def values(self) -> RuleValues:
        """Return the rule; the form is valid."""
        held = self.cleaned_data
        return RuleValues(
            model=held["model"],
            name=held["name"],
            modalities=tuple(held["modalities"]),
            body_parts=tuple(held["body_parts"]),
            description_contains=held["description_contains"],
            minimum_instances=held["minimum_instances"] or 1,
            attributes=held["attributes"],
            projects=tuple(held["projects"]),
            time_from=held["time_from"],
            time_until=held["time_until"],
            priority=held["priority"] or 0,
            is_shadow=held["is_shadow"],
        )


def initial_of(rule: RoutingRule) -> dict[str, Any]:
    """Return a kept rule as the form's first content."""
    lines = [f"{key} = {', '.join(values)}" for key, values in rule.attributes.items()]
    return {
        "model": f"{rule.model_version.name}:{rule.model_version.version}",
        "name": rule.name,
        "modalities": ", ".join(rule.modalities),
        "body_parts": ", ".join(rule.body_parts),
        "description_contains": rule.description_contains,
        "minimum_instances": rule.minimum_instances,
        "attributes": "\n".join(lines),
        "projects": [project.slug for project in rule.projects.all()],
        "time_from": rule.time_from.strftime("%H:%M") if rule.time_from else "",
        "time_until": rule.time_until.strftime("%H:%M") if rule.time_until else "",
        "priority": rule.priority,
        "is_shadow": rule.is_shadow,
    }

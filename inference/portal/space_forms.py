"""What an admin chooses to fit a space to the archive with."""

from __future__ import annotations

from typing import Any

from django import forms


class LabelSetsField(forms.Field):
    """At least one named set of labels."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[str]:
        """Return the names; which of them exist is the service's matter."""
        return [str(one) for one in value or () if one and "\x00" not in str(one)]


class AdaptForm(forms.Form):
    """A space fitted to labels."""

    base = forms.CharField(max_length=64)
    label_set = LabelSetsField()


class ComponentsForm(forms.Form):
    """A space of principal components."""

    # MODELS: as good as 384 and a third of the storage.
    PROPOSED = 128

    base = forms.CharField(max_length=64)
    dimension = forms.IntegerField(min_value=1, max_value=4000)

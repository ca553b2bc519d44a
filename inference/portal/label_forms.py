"""Labels and the labelling queue as they come from a page."""

from __future__ import annotations

import re

from django import forms

from inference.portal.fields import RegionField
from inference.training.active_learning import Strategy
from inference.training.labelling import NewLabel

UID = re.compile(r"^[0-9.]{1,64}$")
_LENGTH = 64


class QueueForm(forms.Form):
    """Which set is labelled, and what comes first; a bad value is as good as none."""

    label_set = forms.CharField(max_length=_LENGTH)
    strategy = forms.ChoiceField(choices=[(one.value, one.value) for one in Strategy])
    skip = forms.IntegerField(min_value=0, max_value=1000)

    def value(self, name: str) -> str:
        """Return a field's text, empty where it is empty or bad."""
        self.is_valid()
        found = self.cleaned_data.get(name)
        return "" if found is None else str(found)

    @property
    def strategy_value(self) -> Strategy:
        """Return what comes first."""
        return Strategy(self.value("strategy") or Strategy.MIXED)

    @property
    def skip_value(self) -> int:
        """Return how many of the queue are passed over."""
        return int(self.value("skip") or 0)


class LabelForm(forms.Form):
    """One label on a study, a series, an image or a region of it."""

    study = forms.RegexField(UID, required=False)
    series = forms.RegexField(UID, required=False)
    instance = forms.RegexField(UID, required=False)
    frame = forms.IntegerField(required=False, min_value=1)
    region = RegionField()
    label_set = forms.CharField(max_length=_LENGTH)
    label = forms.CharField(max_length=_LENGTH)
    is_replacing = forms.BooleanField(required=False)

    def new_label(self) -> NewLabel:
        """Return the label; the most specific object that is named is labelled."""
        held = self.cleaned_data
        found = held.get("region")
        region = (found.x, found.y, found.width, found.height) if found else ()
        deepest = next(
            (name for name in ("instance", "series", "study") if held.get(name)), "study"
        )
        is_image = deepest == "instance"
        return NewLabel(
            label_set=held["label_set"],
            label=held["label"],
            frame=held.get("frame") if is_image else None,
            region=region if is_image else (),
            **{deepest: held.get(deepest) or ""},
        )

"""What is chosen of a study to be taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.deid.types import DatePolicy
from archive.dicom.uids import is_valid_uid
from archive.dicom.windowing import Window
from archive.errors import ArchiveError, InvalidRequestError
from archive.research.types import CleaningOptions

if TYPE_CHECKING:
    from django.http import QueryDict

_MAX_SERIES = 2000
_DATES = ((DatePolicy.REMOVE.value, _("Removed")), (DatePolicy.SHIFT.value, _("Moved")))


class SeriesForm:
    """The series that were ticked; none means all."""

    def __init__(self, data: QueryDict) -> None:
        self._data = data

    def series_uids(self) -> list[str]:
        """Return them; InvalidRequestError where one of them is no UID."""
        uids = self._data.getlist("series")
        if len(uids) > _MAX_SERIES or not all(is_valid_uid(uid) for uid in uids):
            raise InvalidRequestError(gettext("The chosen series are not known by these UIDs."))
        return uids


class AnonymisedForm(forms.Form):
    """How a study leaves without identity."""

    dates = forms.ChoiceField(
        label=_("Dates"), choices=_DATES, initial=DatePolicy.REMOVE.value, required=False
    )
    characteristics = forms.BooleanField(
        label=_("Keep age, sex, size and weight"), initial=True, required=False
    )
    looked_at = forms.BooleanField(
        label=_("I looked at all images: nothing in their pixels names the patient"),
        required=False,
    )

    def options(self) -> CleaningOptions:
        """Return what was chosen; InvalidRequestError where it is no choice."""
        if not self.is_valid():
            raise InvalidRequestError(gettext("Dates are removed or moved."))
        data = self.cleaned_data
        return CleaningOptions(
            dates=DatePolicy(data["dates"] or DatePolicy.REMOVE.value),
            keeps_patient_characteristics=data["characteristics"],
            is_looked_at=data["looked_at"],
        )


class PicturesForm(forms.Form):
    """How frames are shown: in a window of their own, or in the one given."""

    center = forms.FloatField(required=False)
    width = forms.FloatField(required=False)

    def window(self) -> Window | None:
        """Return it; InvalidRequestError where it is none."""
        if not self.is_valid():
            raise InvalidRequestError(gettext("A window is two numbers: its centre and its width."))
        center, width = self.cleaned_data["center"], self.cleaned_data["width"]
        if center is None and width is None:
            return None
        try:
            return Window(center or 0.0, width or 0.0)
        except (ArchiveError, ValueError) as error:
            raise InvalidRequestError(gettext("A window is at least 1 wide.")) from error

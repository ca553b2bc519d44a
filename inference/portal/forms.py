"""The similar page's question as it comes in the URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.utils.translation import gettext

from inference.portal.fields import AttributeListField, RegionField, TextListField
from inference.similarity.types import (
    MAX_EXAMPLES,
    MAX_IMAGE_BYTES,
    Filters,
    Level,
    PatientScope,
    SimilarQuery,
)

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile
    from django.http import QueryDict

K_CHOICES = (12, 24, 48, 96)
UID = re.compile(r"^[0-9.]{1,64}$")
MAX_WORDS = 500
MAX_AGE = 150
LIST_FILTERS = (
    "modality",
    "body_part",
    "laterality",
    "view",
    "sex",
    "manufacturer",
    "project",
    "label",
    "finding",
)
RANGE_FILTERS = ("date_from", "date_to", "age_from", "age_to")
# No visible control of the page holds these, or one that only adds to them.
KEPT = (
    *("study", "series", "instance", "frame", "region", "positive", "negative", "search"),
    *("body_part", "view", "manufacturer", "project", "label", "finding", "attribute"),
)


class SimilarForm(forms.Form):
    """Query object, words, examples and filters; a bad value is as good as none."""

    study = forms.RegexField(UID, required=False)
    series = forms.RegexField(UID, required=False)
    instance = forms.RegexField(UID, required=False)
    frame = forms.IntegerField(required=False, min_value=1)
    region = RegionField()
    text = forms.CharField(required=False, max_length=MAX_WORDS)
    positive = TextListField(pattern=UID, most=MAX_EXAMPLES)
    negative = TextListField(pattern=UID, most=MAX_EXAMPLES)
    level = forms.ChoiceField(choices=[(one.value, one.value) for one in Level], required=False)
    space = forms.CharField(required=False, max_length=64)
    patient = forms.ChoiceField(
        choices=[(one.value, one.value) for one in PatientScope], required=False
    )
    k = forms.TypedChoiceField(
        choices=[(number, number) for number in K_CHOICES], coerce=int, required=False
    )
    # The kept search that this question is a round of.
    search = forms.IntegerField(required=False, min_value=1)
    modality = TextListField()
    body_part = TextListField()
    laterality = TextListField()
    view = TextListField()
    sex = TextListField()
    manufacturer = TextListField()
    project = TextListField()
    label = TextListField()
    finding = TextListField()
    attribute = AttributeListField()
    date_from = forms.DateField(required=False)
    date_to = forms.DateField(required=False)
    age_from = forms.IntegerField(required=False, min_value=0, max_value=MAX_AGE)
    age_to = forms.IntegerField(required=False, min_value=0, max_value=MAX_AGE)

    def value(self, name: str) -> Any:
        """Return a field's value, or None where it is empty or bad."""
        self.is_valid()
        found = self.cleaned_data.get(name)
        return None if found in ("", (), []) else found

    @property
    def has_object(self) -> bool:
        """Whether a study, series or instance is named."""
        return any(self.value(name) for name in ("study", "series", "instance"))

    @property
    def has_question(self) -> bool:
        """Whether there is anything to ask by, a picture apart."""
        return self.has_object or bool(self.value("text") or self.value("positive"))

    @property
    def frame_value(self) -> int:
        """Return the frame in question, the first where none is named."""
        return self.value("frame") or 1

    @property
    def k_value(self) -> int:
        """Return how many cases are wanted."""
        return self.value("k") or K_CHOICES[0]

    @property
    def level_value(self) -> str:
        """Return what one result is."""
        return self.value("level") or Level.SERIES.value

    @property
    def patient_value(self) -> str:
        """Return what becomes of the patient in hand."""
        return self.value("patient") or PatientScope.EXCLUDE.value

    @property
    def filter_values(self) -> dict[str, Any]:
        """Return the filters that are set, by their names."""
        names = (*LIST_FILTERS, "attribute", *RANGE_FILTERS)
        return {name: self.value(name) for name in names if self.value(name) is not None}

    @property
    def shown(self) -> dict[str, Any]:
        """Return every field as the page shows it: the empty text where nothing is set."""
        found = {name: self.value(name) for name in self.fields}
        return {name: "" if value is None else value for name, value in found.items()}

    @property
    def kept(self) -> list[tuple[str, str]]:
        """Return what the form holds unseen, so that it lasts from one question to the next."""
        return [
            (name, value)
            for name in KEPT
            for value in cast("QueryDict", self.data).getlist(name)
            if self.value(name) is not None and value
        ]

    def query(self, image: bytes = b"") -> SimilarQuery:
        """Return the question, by picture where one is given."""
        by_object: dict[str, Any] = {} if image else self._object()
        return SimilarQuery(
            **by_object,
            image=image,
            region=self.value("region"),
            text=self.value("text") or "",
            positive=self.value("positive") or (),
            negative=self.value("negative") or (),
            filters=Filters(**self.filter_values),
            level=Level(self.level_value),
            space=self.value("space") or "",
            k=self.k_value,
            patient=PatientScope(self.patient_value),
        )

    def _object(self) -> dict[str, Any]:
        named = {name: self.value(name) or "" for name in ("study", "series", "instance")}
        return {**named, "frame": self.value("frame")}


class SaveForm(forms.Form):
    """How a search is kept: its name, who sees it, whether new matches are told."""

    name = forms.CharField(max_length=128)
    project = forms.CharField(max_length=64, required=False)
    is_notifying = forms.BooleanField(required=False)

    def saving(self) -> dict[str, Any]:
        """Return what the service takes."""
        return dict(self.cleaned_data)


class PictureForm(forms.Form):
    """A picture to search by; it is read into memory and kept nowhere."""

    image = forms.FileField()

    def clean_image(self) -> UploadedFile[bytes]:
        """Refuse what is too large to be a picture."""
        image: UploadedFile[bytes] = self.cleaned_data["image"]
        if (image.size or 0) > MAX_IMAGE_BYTES:
            most = MAX_IMAGE_BYTES // 1024 // 1024
            message = gettext("A picture may have %(n)s MB at most.") % {"n": most}
            raise forms.ValidationError(message)
        return image

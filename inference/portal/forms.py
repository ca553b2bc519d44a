"""The similar page's question as it comes in the URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms

from inference.similarity.types import (
    MAX_IMAGE_BYTES,
    Filters,
    PatientScope,
    SimilarQuery,
)

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

K_CHOICES = (12, 24, 48, 96)
_UID = re.compile(r"^[0-9.]{1,64}$")
_CODE_LENGTH = 64


class SimilarForm(forms.Form):
    """Query object and filters; a bad value is as good as none, the rest still holds."""

    study = forms.RegexField(_UID, required=False)
    series = forms.RegexField(_UID, required=False)
    instance = forms.RegexField(_UID, required=False)
    frame = forms.IntegerField(required=False, min_value=1)
    modality = forms.CharField(required=False, max_length=16)
    body_part = forms.CharField(required=False, max_length=_CODE_LENGTH)
    date_from = forms.DateField(required=False)
    date_to = forms.DateField(required=False)
    k = forms.TypedChoiceField(
        choices=[(number, number) for number in K_CHOICES], coerce=int, required=False
    )
    # Present where people of the same patient are wanted too: excluding is the default.
    same_patient = forms.BooleanField(required=False)

    object_names = ("study", "series", "instance", "frame")

    def value(self, name: str) -> Any:
        """Return a field's value, or None where it is empty or bad."""
        self.is_valid()
        return self.cleaned_data.get(name) or None

    @property
    def has_object(self) -> bool:
        """Whether a study, series or instance is named."""
        return any(self.value(name) for name in ("study", "series", "instance"))

    @property
    def same_patient_value(self) -> bool:
        """Whether cases of the same patient are wanted."""
        return bool(self.value("same_patient"))

    @property
    def frame_value(self) -> int:
        """Return the frame in question, the first where none is named."""
        return self.value("frame") or 1

    @property
    def k_value(self) -> int:
        """Return how many cases are wanted."""
        return self.value("k") or K_CHOICES[0]

    def query(self, image: bytes = b"") -> SimilarQuery:
        """Return the question, by picture where one is given."""
        by_object: dict[str, Any] = {} if image else self._object()
        return SimilarQuery(
            **by_object,
            image=image,
            filters=Filters(
                modality=self._codes("modality"),
                body_part=self._codes("body_part"),
                date_from=self.value("date_from"),
                date_to=self.value("date_to"),
            ),
            k=self.k_value,
            patient=PatientScope.ANY if self.value("same_patient") else PatientScope.EXCLUDE,
        )

    def _codes(self, name: str) -> tuple[str, ...]:
        code = self.value(name)
        return (code,) if code else ()

    def _object(self) -> dict[str, Any]:
        named = {name: self.value(name) or "" for name in ("study", "series", "instance")}
        return {**named, "frame": self.value("frame")}


class PictureForm(forms.Form):
    """A picture to search by; it is read into memory and kept nowhere."""

    image = forms.FileField()

    def clean_image(self) -> UploadedFile[bytes]:
        """Refuse what is too large to be a picture."""
        image: UploadedFile[bytes] = self.cleaned_data["image"]
        if (image.size or 0) > MAX_IMAGE_BYTES:
            message = f"A picture may have {MAX_IMAGE_BYTES // 1024 // 1024} MB at most."
            raise forms.ValidationError(message)
        return image

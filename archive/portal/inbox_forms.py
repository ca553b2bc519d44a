"""What a person says about files that are no DICOM, and about what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from archive.errors import ArchiveError
from archive.inbox.wrapping import check_wrapping

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

SEXES = [("", "\N{EN DASH}"), ("F", _("female")), ("M", _("male")), ("O", _("other"))]
LATERALITIES = [("", "\N{EN DASH}"), ("L", _("left")), ("R", _("right")), ("B", _("both"))]
MODALITIES = [
    ("", _("by the kind of file")),
    ("XC", _("XC external camera")),
    ("ES", _("ES endoscopy")),
    ("DMS", _("DMS dermoscopy")),
    ("OP", _("OP ophthalmic photography")),
    ("GM", _("GM general microscopy")),
    ("US", _("US ultrasound")),
    ("CR", _("CR computed radiography")),
    ("CT", _("CT computed tomography")),
    ("MR", _("MR magnetic resonance")),
    ("PT", _("PT positron emission tomography")),
    ("NM", _("NM nuclear medicine")),
    ("DOC", _("DOC document")),
    ("OT", _("OT other")),
]


class WrapForm(forms.Form):
    """Patient, study and kind of the objects that are made of pictures and documents."""

    study_uid = forms.CharField(required=False, max_length=64, label=_("Add to the study"))
    patient_id = forms.CharField(required=False, max_length=64, label=_("Patient ID"))
    family_name = forms.CharField(required=False, max_length=64, label=_("Family name"))
    given_name = forms.CharField(required=False, max_length=64, label=_("Given name"))
    birth_date = forms.DateField(required=False, label=_("Date of birth"))
    sex = forms.ChoiceField(required=False, choices=SEXES, label=_("Sex"))
    study_date = forms.DateField(required=False, label=_("Study date"))
    study_description = forms.CharField(required=False, max_length=64, label=_("Study description"))
    accession_number = forms.CharField(required=False, max_length=16, label=_("Accession number"))
    modality = forms.ChoiceField(required=False, choices=MODALITIES, label=_("Modality"))
    series_description = forms.CharField(
        required=False, max_length=64, label=_("Series description")
    )
    body_part = forms.CharField(required=False, max_length=16, label=_("Body part"))
    laterality = forms.ChoiceField(required=False, choices=LATERALITIES, label=_("Side"))

    def __init__(self, *args: Any, user: AnyUser, **more: Any) -> None:
        """Keep for whom the values are checked."""
        super().__init__(*args, **more)
        self._user = user
        for field in self.fields.values():
            is_choice = isinstance(field, forms.ChoiceField)
            field.widget.attrs["class"] = "select" if is_choice else "input"
            if isinstance(field, forms.DateField):
                field.widget.attrs["placeholder"] = "2024-02-29"

    def clean(self) -> dict[str, Any]:
        """Let the service say what it would refuse, at the field that it is about."""
        super().clean()
        if not self.errors:
            try:
                check_wrapping(self._user, self.values())
            except ArchiveError as error:
                field = getattr(error, "field", "")
                field = {"patient_name": "family_name"}.get(field, field)
                self.add_error(field if field in self.fields else None, error.message)
        return self.cleaned_data

    def values(self) -> dict[str, str]:
        """Return what was said, as the service and REST name it."""
        data = self.cleaned_data
        names = [data.get("family_name", ""), data.get("given_name", "")]
        values = {
            name: data.get(name, "")
            for name in self.fields
            if name not in {"family_name", "given_name", "birth_date", "study_date"}
        }
        for name in ("birth_date", "study_date"):
            values[name] = data[name].isoformat() if data.get(name) else ""
        return values | {"patient_name": "^".join(names).rstrip("^")}

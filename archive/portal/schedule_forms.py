"""The schedule's filters and the form of an examination."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from archive.scheduling.types import PRIORITIES, STATES, StepValues

if TYPE_CHECKING:
    import datetime

    from archive.models import Project, ScheduledStep

SEXES = (("", _("Not known")), ("F", _("Female")), ("M", _("Male")), ("O", _("Other")))
_CODES = ("requested_procedure_code", "protocol_code")
_LENGTHS = {
    "issuer_of_patient_id": 64,
    "medical_alerts": 64,
    "allergies": 64,
    "accession_number": 16,
    "admission_id": 64,
    "referring_physician_name": 324,
    "requesting_physician": 324,
    "study_instance_uid": 64,
    "requested_procedure_id": 16,
    "requested_procedure_description": 64,
    "scheduled_step_id": 16,
    "scheduled_step_description": 64,
    "scheduled_station_ae_title": 16,
    "scheduled_station_name": 16,
    "scheduled_step_location": 16,
    "scheduled_performing_physician_name": 324,
    "comments": 255,
}


class ScheduleForm(forms.Form):
    """Which day, and what of it; a bad value is as good as none."""

    day = forms.DateField(required=False)
    modality = forms.CharField(required=False, max_length=16)
    state = forms.ChoiceField(required=False, choices=[("", ""), *STATES])
    patient = forms.CharField(required=False, max_length=128)

    def shown_day(self) -> datetime.date:
        """Return the day asked for, else today."""
        self.is_valid()
        day: datetime.date | None = self.cleaned_data.get("day")
        # A day before and one after are shown, too.
        is_possible = day is not None and 1900 <= day.year <= 9000
        return day if day is not None and is_possible else timezone.localdate()

    def narrowing(self) -> dict[str, str]:
        """Return what the list is narrowed to."""
        self.is_valid()
        texts = {name: self.cleaned_data.get(name) or "" for name in ("modality", "state")}
        texts["patient"] = self.cleaned_data.get("patient") or ""
        return texts | {"modality": texts["modality"].upper()}


class StepForm(forms.Form):
    """An examination; the archive's own checks say what is wrong with a value."""

    project = forms.ChoiceField(required=False)
    dicom_patient_id = forms.CharField(max_length=64, label=_("Patient ID"))
    patient_name = forms.CharField(max_length=324, label=_("Name"))
    patient_birth_date = forms.DateField(required=False, label=_("Birth date"))
    patient_sex = forms.ChoiceField(required=False, choices=SEXES, label=_("Sex"))
    patient_weight_kg = forms.FloatField(required=False, label=_("Weight"))
    modality = forms.CharField(max_length=16)
    scheduled_date = forms.DateField(label=_("Date"))
    scheduled_time = forms.TimeField(required=False, label=_("Time"))
    requested_procedure_priority = forms.ChoiceField(
        required=False, choices=[("", ""), *((word, word) for word in PRIORITIES)]
    )

    def __init__(self, *args: Any, projects: list[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(one.slug, one.name) for one in projects]
        self.fields["project"] = forms.ChoiceField(required=False, choices=choices)
        for name, longest in _LENGTHS.items():
            self.fields[name] = forms.CharField(required=False, max_length=longest)

    def values(self, step: ScheduledStep | None = None) -> StepValues:
        """Return the valid form's values; what it has no field for stays as it was."""
        said: dict[str, Any] = {}
        for one in fields(StepValues):
            if one.name in self.fields:
                said[one.name] = self.cleaned_data[one.name]
            elif step is not None:
                said[one.name] = getattr(step, one.name)
        return StepValues(**said)


def initial_of(step: ScheduledStep) -> dict[str, Any]:
    """Return what a step's form begins with."""
    names = [one.name for one in fields(StepValues) if one.name not in {"project", *_CODES}]
    return {name: getattr(step, name) for name in names} | {"project": step.project.slug}

"""The JSON of scheduled procedure steps."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.api.schemas import PagingSchema
from archive.scheduling.types import PRIORITIES, STATES, StepValues

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.models import ScheduledStep

STATE_WORDS = [state for state, _ in STATES]
# As the rest of the API calls them.
_NAMES = {
    "dicom_patient_id": "patient_id",
    "study_instance_uid": "study_uid",
}


class CodeSchema(serializers.Serializer[Any]):
    value = serializers.CharField(max_length=16)
    scheme = serializers.CharField(max_length=16)
    meaning = serializers.CharField(max_length=64, allow_blank=True, default="")


class NewStepSchema(serializers.Serializer[Any]):
    """An examination to come; identifiers that are left out are made."""

    patient_id = serializers.CharField(max_length=64)
    patient_name = serializers.CharField(max_length=324, help_text="As DICOM writes it: Doe^Jane.")
    modality = serializers.CharField(max_length=16)
    scheduled_date = serializers.DateField()
    scheduled_time = serializers.TimeField(allow_null=True, required=False)
    project = serializers.CharField(
        max_length=64, required=False, allow_blank=True, help_text="Slug; else your own."
    )
    issuer_of_patient_id = serializers.CharField(max_length=64, required=False, allow_blank=True)
    patient_birth_date = serializers.DateField(allow_null=True, required=False)
    patient_sex = serializers.ChoiceField(choices=["M", "F", "O", ""], required=False)
    patient_weight_kg = serializers.FloatField(allow_null=True, required=False)
    medical_alerts = serializers.CharField(max_length=64, required=False, allow_blank=True)
    allergies = serializers.CharField(max_length=64, required=False, allow_blank=True)
    pregnancy_status = serializers.IntegerField(
        min_value=1, max_value=4, allow_null=True, required=False
    )
    accession_number = serializers.CharField(max_length=16, required=False, allow_blank=True)
    admission_id = serializers.CharField(max_length=64, required=False, allow_blank=True)
    referring_physician_name = serializers.CharField(
        max_length=324, required=False, allow_blank=True
    )
    requesting_physician = serializers.CharField(max_length=324, required=False, allow_blank=True)
    study_uid = serializers.CharField(max_length=64, required=False, allow_blank=True)
    requested_procedure_id = serializers.CharField(max_length=16, required=False, allow_blank=True)
    requested_procedure_description = serializers.CharField(
        max_length=64, required=False, allow_blank=True
    )
    requested_procedure_priority = serializers.ChoiceField(
        choices=[*PRIORITIES, ""], required=False
    )
    requested_procedure_code = CodeSchema(required=False)
    protocol_code = CodeSchema(required=False)
    scheduled_step_id = serializers.CharField(max_length=16, required=False, allow_blank=True)
    scheduled_step_description = serializers.CharField(
        max_length=64, required=False, allow_blank=True
    )
    scheduled_station_ae_title = serializers.CharField(
        max_length=16, required=False, allow_blank=True
    )
    scheduled_station_name = serializers.CharField(max_length=16, required=False, allow_blank=True)
    scheduled_step_location = serializers.CharField(max_length=16, required=False, allow_blank=True)
    scheduled_performing_physician_name = serializers.CharField(
        max_length=324, required=False, allow_blank=True
    )
    comments = serializers.CharField(max_length=255, required=False, allow_blank=True)


class StepSchema(NewStepSchema):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=STATE_WORDS)


class StepListQuerySchema(PagingSchema):
    """The window of the list, and what it is narrowed to."""

    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)
    modality = serializers.CharField(max_length=16, required=False)
    state = serializers.ChoiceField(choices=STATE_WORDS, required=False)
    patient = serializers.CharField(
        max_length=128, required=False, help_text="An ID, or a name's beginning."
    )
    accession_number = serializers.CharField(max_length=16, required=False)


class StepPageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = StepSchema(many=True)


class StepStateSchema(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=STATE_WORDS)


def step_values(said: Mapping[str, Any], step: ScheduledStep | None = None) -> StepValues:
    """Return what a request says; of a step that is changed, what it leaves out stays."""
    values: dict[str, Any] = {}
    for one in fields(StepValues):
        name = _NAMES.get(one.name, one.name)
        if name in said:
            values[one.name] = said[name]
        elif step is not None:
            values[one.name] = "" if name == "project" else getattr(step, one.name)
    return StepValues(**values)


def step_json(step: ScheduledStep) -> dict[str, Any]:
    """Return a step as the API shows it."""
    said: dict[str, Any] = {"id": step.pk, "state": step.state}
    for one in fields(StepValues):
        value = step.project.slug if one.name == "project" else getattr(step, one.name)
        said[_NAMES.get(one.name, one.name)] = (
            value.isoformat() if hasattr(value, "isoformat") else value
        )
    return said

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive.models import ScheduledStep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, time

    from django.utils.functional import _StrPromise

State = ScheduledStep.State
STATES: tuple[tuple[str, str | _StrPromise], ...] = tuple(State.choices)
FINAL: tuple[str, ...] = (State.COMPLETED, State.DISCONTINUED)
# The words that everybody reads; others are between a site and its devices.
PRIORITIES = ("STAT", "HIGH", "ROUTINE", "MEDIUM", "LOW")


@dataclass(frozen=True)
class StepValues:
    """What is known of an examination to come; UIDs and identifiers are made where none is given.

    Codes are mappings with ``value``, ``scheme`` and ``meaning``.
    """

    dicom_patient_id: str
    patient_name: str
    modality: str
    scheduled_date: date
    scheduled_time: time | None = None
    project: str = ""
    issuer_of_patient_id: str = ""
    patient_birth_date: date | None = None
    patient_sex: str = ""
    patient_weight_kg: float | None = None
    medical_alerts: str = ""
    allergies: str = ""
    pregnancy_status: int | None = None
    accession_number: str = ""
    admission_id: str = ""
    referring_physician_name: str = ""
    requesting_physician: str = ""
    study_instance_uid: str = ""
    requested_procedure_id: str = ""
    requested_procedure_description: str = ""
    requested_procedure_priority: str = ""
    requested_procedure_code: Mapping[str, str] = field(default_factory=dict)
    protocol_code: Mapping[str, str] = field(default_factory=dict)
    scheduled_step_id: str = ""
    scheduled_step_description: str = ""
    scheduled_station_ae_title: str = ""
    scheduled_station_name: str = ""
    scheduled_step_location: str = ""
    scheduled_performing_physician_name: str = ""
    comments: str = ""

"""Whether a scheduled step can be told to a modality: every value is one of its attribute."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from archive.dicom.uids import is_valid_uid
from archive.scheduling.errors import InvalidStepError
from archive.scheduling.types import PRIORITIES

if TYPE_CHECKING:
    from archive.models import ScheduledStep

_REQUIRED = ("dicom_patient_id", "patient_name", "modality")
_MODALITY = re.compile(r"[A-Z0-9_ ]{2,16}")
_SEXES = ("", "M", "F", "O")
_PREGNANCY = (1, 2, 3, 4)
_CODE_LENGTHS = {"value": 16, "scheme": 16, "meaning": 64}
# LT and the names: a backslash or a line's end may stand in the first alone.
_LONG_TEXTS = frozenset({"comments"})
_TEXTS = (
    "dicom_patient_id",
    "issuer_of_patient_id",
    "patient_name",
    "medical_alerts",
    "allergies",
    "accession_number",
    "admission_id",
    "referring_physician_name",
    "requesting_physician",
    "requested_procedure_id",
    "requested_procedure_description",
    "scheduled_step_id",
    "scheduled_step_description",
    "scheduled_station_ae_title",
    "scheduled_station_name",
    "scheduled_step_location",
    "scheduled_performing_physician_name",
    "comments",
)


def check_step(step: ScheduledStep) -> None:
    """Raise InvalidStepError, with the field, for what no worklist can say.

    Parameters
    ----------
    step
        with its texts stripped; lengths are those of the columns
    """
    for name in _REQUIRED:
        if not getattr(step, name):
            raise InvalidStepError(gettext("This is needed."), field=name)
    for name in _TEXTS:
        _check_text(name, getattr(step, name))
    _check_words(step)
    for name in ("requested_procedure_code", "protocol_code"):
        _check_code(name, getattr(step, name))
    if step.study_instance_uid and not is_valid_uid(step.study_instance_uid):
        raise InvalidStepError(gettext("This is no UID."), field="study_instance_uid")
    weight = step.patient_weight_kg
    if weight is not None and not (math.isfinite(weight) and 0 < weight < 1000):
        raise InvalidStepError(gettext("A weight is in kilograms."), field="patient_weight_kg")
    try:
        step.clean_fields(exclude=["project", "created_by"])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise InvalidStepError(messages[0], field=name) from error


def _check_text(name: str, value: str) -> None:
    allowed = "\r\n\t" if name in _LONG_TEXTS else ""
    forbidden = "" if name in _LONG_TEXTS else "\\"
    for char in value:
        if char in forbidden or (not char.isprintable() and char not in allowed):
            raise InvalidStepError(
                gettext("This holds a character that DICOM does not allow."), field=name
            )
    if name == "scheduled_station_ae_title" and not value.isascii():
        raise InvalidStepError(gettext("An AE title is ASCII."), field=name)


def _check_words(step: ScheduledStep) -> None:
    if not _MODALITY.fullmatch(step.modality):
        raise InvalidStepError(gettext("A modality is a code as CT or MR."), field="modality")
    if step.patient_sex not in _SEXES:
        raise InvalidStepError(gettext("The sex is M, F or O."), field="patient_sex")
    if step.pregnancy_status is not None and step.pregnancy_status not in _PREGNANCY:
        raise InvalidStepError(gettext("The status is 1 to 4."), field="pregnancy_status")
    if step.requested_procedure_priority not in {"", *PRIORITIES}:
        message = f"The priority is one of {', '.join(PRIORITIES)}."
        raise InvalidStepError(message, field="requested_procedure_priority")


def _check_code(name: str, code: dict[str, str]) -> None:
    if not code:
        return
    if set(code) - set(_CODE_LENGTHS) or not code.get("value") or not code.get("scheme"):
        raise InvalidStepError(gettext("A code has value, scheme and meaning."), field=name)
    for key, longest in _CODE_LENGTHS.items():
        text = code.get(key, "")
        if not isinstance(text, str) or len(text) > longest or not text.isprintable():
            raise InvalidStepError(f"The code's {key} can't be one.", field=name)

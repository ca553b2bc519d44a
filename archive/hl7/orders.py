"""ORM and OMI messages: examinations to come, changed and given up (HL7 v2.5.1 chapter 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from archive.errors import InvalidRequestError
from archive.hl7.demographics import known_name
from archive.hl7.reading import moment, person_name, sex
from archive.scheduling.selectors import find_order
from archive.scheduling.services import change_step, move_step, schedule_step
from archive.scheduling.types import FINAL, State, StepValues

if TYPE_CHECKING:
    from datetime import date

    from archive.audit.types import Asker
    from archive.hl7.reading import Message

ORDERS = frozenset({"ORM^O01", "OMI^O23", "OMG^O19"})
# HL7 table 0119: what gives an examination up, what a filler or placer merely answers or reports.
_GIVEN_UP = frozenset({"CA", "OC", "DC", "OD", "CR", "DR", "RP", "RQ"})
_REPORTED = frozenset(
    {
        *("NA", "OK", "UA", "UC", "UD", "UF", "UH", "UM", "UN", "UR", "UX", "DF", "DE", "HD"),
        *("HR", "OH", "OE", "OF", "RL", "LI", "AF", "FU", "PR", "RR", "RE", "PY", "OP", "MC"),
    }
)
# Order status (ORC-5, table 0038): where a status is all that changed.
_OVER = frozenset({"CA", "DC", "RP"})
# What DICOM has room for: cut off, two orders might have one number.
_LONGEST = {"accession number": 16, "scheduled procedure step's ID": 16, "study's UID": 64}
_PRIORITIES = {"S": "STAT", "A": "HIGH", "R": "ROUTINE", "T": "MEDIUM", "C": "STAT"}


def apply_order(asker: Asker, message: Message) -> bool:
    """Schedule, change or give up the examinations of a message; whether anything changed.

    An order replaced (ORC-1 ``RP``) is given up, the one that replaces it (``RO``) is new.

    Raises
    ------
    InvalidRequestError
        What is needed is missing, or a number is longer than DICOM's.
    """
    orders = [
        (_control(step), _identifiers(step), _values(step) if _says_all(step) else None, _day(step))
        for order in message.groups("ORC")
        for part in order.groups("OBR")
        for step in part.groups("IPC")
    ]
    applied = [_apply(asker, *order) for order in orders]
    return any(applied)


def _apply(
    asker: Asker,
    control: str,
    named: tuple[str, str, str],
    values: StepValues | None,
    day: date | None,
) -> bool:
    accession, step_id, study = named
    step = find_order(
        accession_number=accession, scheduled_step_id=step_id, study_instance_uid=study
    )
    if step is not None and step.state in FINAL:
        return False
    if control in _GIVEN_UP:
        if step is not None:
            move_step(asker=asker, step_id=step.pk, state=State.DISCONTINUED)
        return step is not None
    if values is None or (step is None and control == "SC"):
        return False
    if step is None:
        schedule_step(asker=asker, values=values)
        return True
    if day is None:
        # A change that says no day leaves the examination where it is.
        values = replace(
            values, scheduled_date=step.scheduled_date, scheduled_time=step.scheduled_time
        )
    change_step(asker=asker, step_id=step.pk, values=values)
    return True


def _control(message: Message) -> str:
    """Return what becomes of the order; a status that ends it is its end."""
    control = message.text("ORC", 1).upper() or "NW"
    is_over = control == "SC" and message.text("ORC", 5).upper() in _OVER
    return "CA" if is_over else control


def _says_all(message: Message) -> bool:
    """Whether a message describes an examination, rather than its end, its status, an answer."""
    control = _control(message)
    is_described = control != "SC" or bool(message.text("OBR", 24) or message.text("IPC", 5))
    return is_described and control not in _GIVEN_UP and control not in _REPORTED


def _identifiers(message: Message) -> tuple[str, str, str]:
    """Return accession number, step and study; the step is empty where only the order is named.

    Raises
    ------
    InvalidRequestError
        One is longer than DICOM's.
    """
    said = message.text
    accession = said("IPC", 1) or said("OBR", 18) or said("OBR", 3) or said("ORC", 3)
    step = said("IPC", 4) or said("OBR", 20)
    if not step and _says_all(message):
        step = accession
    study = said("IPC", 3) or said("ZDS", 1)
    for (name, most), text in zip(_LONGEST.items(), (accession, step, study), strict=True):
        if len(text) > most:
            raise InvalidRequestError(f"The {name} has more than {most} characters.", code="length")
    return accession, step, study


def _values(message: Message) -> StepValues:
    said = message.text
    patient = known_name(message)
    modality = (said("IPC", 5) or said("OBR", 24)).upper()
    accession, step_id, study = _identifiers(message)
    if not modality:
        raise InvalidRequestError("OBR-24 or IPC-5 is empty.", code="required")
    day, time = moment(_when(message))
    born, _ = moment(said("PID", 7))
    code = {
        "value": said("OBR", 4)[:16],
        "meaning": said("OBR", 4, 2)[:64],
        "scheme": (said("OBR", 4, 3) or "L")[:16],
    }
    return StepValues(
        dicom_patient_id=patient.identifier,
        issuer_of_patient_id=patient.issuer,
        patient_name=person_name(message, "PID", 5),
        patient_birth_date=born,
        patient_sex=sex(said("PID", 8)),
        modality=modality[:16],
        scheduled_date=day or timezone.localdate(),
        scheduled_time=time,
        project=settings.TWINSIGHT_HL7_PROJECT,
        accession_number=accession,
        admission_id=said("PV1", 19)[:64],
        referring_physician_name=person_name(message, "PV1", 8, first=2),
        requesting_physician=person_name(message, "OBR", 16, first=2),
        study_instance_uid=study,
        requested_procedure_id=(said("IPC", 2) or said("OBR", 19) or accession)[:16],
        requested_procedure_description=(said("OBR", 44, 2) or said("OBR", 4, 2))[:64],
        requested_procedure_priority=_PRIORITIES.get(said("ORC", 7, 6) or said("OBR", 27, 6), ""),
        requested_procedure_code=code if code["value"] else {},
        scheduled_step_id=step_id,
        scheduled_step_description=said("OBR", 4, 2)[:64],
        scheduled_station_ae_title=said("IPC", 9)[:16],
        scheduled_step_location=said("OBR", 21)[:16],
    )


def _day(message: Message) -> date | None:
    return moment(_when(message))[0]


def _when(message: Message) -> str:
    places = (("TQ1", 7, 1), ("ORC", 7, 4), ("OBR", 27, 4), ("OBR", 36, 1), ("OBR", 6, 1))
    return next((text for place in places if (text := message.text(*place))), "")

"""Studies that came without their order, or under another name, matched with a scheduled step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext

from archive.corrections.fields import PATIENT, STUDY, attributes_of, row_values
from archive.corrections.finding import checked_reason, locked_study
from archive.corrections.recording import announce, record_correction
from archive.corrections.studies import give_to, write_study
from archive.corrections.transactions import in_one_transaction
from archive.dicom.attributes import PatientAttributes
from archive.errors import InvalidRequestError
from archive.ingest.joining import Newcomer
from archive.ingest.patients import find_or_create_patient
from archive.ingest.types import Origin
from archive.models import Correction
from archive.scheduling.selectors import find_step
from archive.scheduling.services import note_arrivals

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models import ScheduledStep, Study


@in_one_transaction
def reconcile_study(*, asker: Asker, study_uid: str, step_id: int, reason: str) -> Correction:
    """Say which order a study was made for: patient, accession number and referrer are the order's.

    Parameters
    ----------
    asker
        a radiology admin of all the study's projects, who sees the order
    study_uid
        its Study Instance UID
    step_id
        key of the scheduled step
    reason
        in a person's words

    Raises
    ------
    NotVisibleError, NotAllowedError
        Study or order are not there for them, or not theirs to correct.
    InvalidRequestError
        The study says what the order says, or no reason is given.

    References
    ----------
    IHE RAD TF-1, Patient Information Reconciliation
    """
    checked_reason(reason)
    user: Any = asker.user or AnonymousUser()
    step = find_step(user, step_id)
    origin = Origin(door=asker.door, actor=user, project=step.project)
    # Patients are locked before studies, by everybody. An order names somebody.
    patient = find_or_create_patient(Newcomer(_patient_of(step), origin, is_deidentified=False))
    study = locked_study(asker, study_uid)
    known = row_values(STUDY, study)
    ordered = _study_values(step, study)
    changed = {keyword: value for keyword, value in ordered.items() if value != known[keyword]}
    is_other = study.patient_id != patient.pk
    if not changed and not is_other:
        raise InvalidRequestError(
            gettext("The study says what the order says."), code="nothing-changed"
        )
    attributes = attributes_of(STUDY, changed)
    before = {keyword: known[keyword] for keyword in changed}
    after = dict(changed)
    if is_other:
        attributes |= attributes_of(PATIENT, row_values(PATIENT, patient))
        before |= row_values(PATIENT, study.patient)
        after |= row_values(PATIENT, patient)
    correction = record_correction(
        asker,
        Correction.Kind.RECONCILE,
        reason,
        about=study,
        subject={
            "studies": [study.pk],
            "patients": sorted({study.patient_id, patient.pk}) if is_other else [],
            "step": step.pk,
        },
        before={"patient": study.patient_id, "values": before},
        after={"attributes": attributes, "values": after},
    )
    write_study(study, changed)
    give_to(study, patient, correction)
    note_arrivals([study.pk])
    announce([study.pk])
    return correction


def _patient_of(step: ScheduledStep) -> PatientAttributes:
    return PatientAttributes(
        dicom_patient_id=step.dicom_patient_id,
        issuer_of_patient_id=step.issuer_of_patient_id,
        patient_name=step.patient_name,
        patient_name_search=step.patient_name_search,
        patient_birth_date=step.patient_birth_date,
        patient_sex=step.patient_sex,
    )


def _study_values(step: ScheduledStep, study: Study) -> dict[str, str]:
    """Return what the order says of the study; what it leaves open stays."""
    said = {
        "AccessionNumber": step.accession_number,
        "ReferringPhysicianName": step.referring_physician_name,
    }
    if not study.study_description:
        said["StudyDescription"] = step.requested_procedure_description
    return {keyword: value for keyword, value in said.items() if value}

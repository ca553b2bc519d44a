"""Studies: what is said of them, whose they are, in which project, and which may not be deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.audit import corrections as audit
from archive.corrections.fields import (
    PATIENT,
    STUDY,
    attributes_of,
    checked_values,
    columns_of,
    row_values,
)
from archive.corrections.finding import (
    account,
    administered_projects,
    checked_reason,
    locked_patients,
    locked_studies,
    locked_study,
    require_administered,
)
from archive.corrections.recording import (
    announce,
    end_anonymity,
    record_correction,
    remember_in_studies,
)
from archive.corrections.transactions import in_one_transaction
from archive.errors import InvalidRequestError, NotAllowedError
from archive.ingest.following import identity_of
from archive.models import Correction, Project, Study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archive.audit.types import Asker
    from archive.models import Patient


@in_one_transaction
def edit_study(
    *, asker: Asker, study_uid: str, values: Mapping[str, str], reason: str
) -> Correction:
    """Correct what is said of a study.

    Parameters
    ----------
    asker
        a radiology admin of all its projects
    study_uid
        its Study Instance UID
    values
        keyword to value, as `checked_values` takes them
    reason
        in a person's words

    Raises
    ------
    NotVisibleError, NotAllowedError
        It is not there for them, or not theirs to correct.
    InvalidRequestError
        A value is none, nothing changes, or no reason is given.
    """
    checked_reason(reason)
    study = locked_study(asker, study_uid)
    known = row_values(STUDY, study)
    checked = checked_values(STUDY, values)
    changed = {keyword: value for keyword, value in checked.items() if value != known[keyword]}
    if not changed:
        raise InvalidRequestError(gettext("Nothing is changed."), code="nothing-changed")
    write_study(study, changed)
    correction = record_correction(
        asker,
        Correction.Kind.STUDY_EDIT,
        reason,
        about=study,
        subject={"studies": [study.pk]},
        before={"values": {keyword: known[keyword] for keyword in changed}},
        after={"attributes": attributes_of(STUDY, changed), "values": changed},
    )
    remember_in_studies(correction, [study], lambda _study: {})
    announce([study.pk])
    return correction


@in_one_transaction
def move_study_to_patient(
    *, asker: Asker, study_uid: str, patient_id: int, reason: str
) -> Correction:
    """Say that a study is of another patient.

    Parameters
    ----------
    asker
        a radiology admin of all projects that hold the study, or studies of that patient
    study_uid
        its Study Instance UID
    patient_id
        key of the patient whose it is
    reason
        in a person's words

    Raises
    ------
    NotVisibleError, NotAllowedError
        Study or patient are not there for them, or not theirs to correct.
    InvalidRequestError
        It is that patient's already, or no reason is given.
    """
    checked_reason(reason)
    # Patients are locked before studies, by everybody.
    owner = Study.objects.filter(study_instance_uid=study_uid).values_list("patient_id", flat=True)
    patients = locked_patients(asker, {patient_id, *owner})
    study = locked_study(asker, study_uid)
    if study.patient_id == patient_id:
        raise InvalidRequestError(gettext("The study is of this patient."), code="same-patient")
    target = patients[patient_id]
    require_administered(asker, target.studies.values_list("pk", flat=True))
    values = row_values(PATIENT, target)
    correction = record_correction(
        asker,
        Correction.Kind.STUDY_MOVE,
        reason,
        about=study,
        subject={"patients": [study.patient_id, target.pk], "studies": [study.pk]},
        before={"patient": study.patient_id, "values": row_values(PATIENT, study.patient)},
        after={"attributes": attributes_of(PATIENT, values), "values": values},
    )
    give_to(study, target, correction)
    announce([study.pk])
    return correction


@in_one_transaction
def move_studies_to_project(
    *, asker: Asker, study_uids: Sequence[str], project: str, reason: str, is_copy: bool = False
) -> list[Correction]:
    """Let studies be in another project instead of theirs, or in that one, too.

    Parameters
    ----------
    asker
        a radiology admin of all projects concerned
    study_uids
        Study Instance UIDs
    project
        slug of the project
    reason
        in a person's words
    is_copy
        whether they stay in theirs, too

    Raises
    ------
    NotVisibleError, NotAllowedError
        A study is not there for them, or not theirs to move.
    InvalidRequestError
        There is no such project for them, or no reason is given.
    """
    checked_reason(reason)
    user = account(asker)
    mine = administered_projects(user) if user else Project.objects.none()
    target = mine.filter(slug=project).first()
    if target is None:
        raise InvalidRequestError(gettext("There is no such project."), code="no-project")
    if target.is_deidentified:
        raise NotAllowedError(
            gettext("A project of de-identified studies takes in copies, no originals.")
        )
    made = []
    for study in locked_studies(asker, study_uids).values():
        former = sorted(study.projects.values_list("pk", flat=True))
        wanted = sorted({*former, target.pk} if is_copy else {target.pk})
        if wanted == former:
            continue
        study.projects.set(wanted)
        made.append(
            record_correction(
                asker,
                Correction.Kind.PROJECT_MOVE,
                reason,
                about=study,
                subject={"projects_of": [study.pk]},
                before={"projects": former},
                after={"projects": wanted},
            )
        )
        announce([study.pk])
    return made


@in_one_transaction
def set_legal_hold(*, asker: Asker, study_uid: str, reason: str) -> Study:
    """Keep a study from being deleted or purged, until the hold is lifted.

    Parameters
    ----------
    asker
        a radiology admin of all its projects
    study_uid
        its Study Instance UID
    reason
        in a person's words

    Raises
    ------
    NotVisibleError, NotAllowedError
        It is not there for them, or not theirs.
    InvalidRequestError
        No reason is given.
    """
    line = checked_reason(reason)
    study = locked_study(asker, study_uid)
    study.legal_hold_reason = line
    study.save(update_fields=["legal_hold_reason", "updated_at"])
    audit.record_legal_hold(asker, study_instance_uid=study_uid, is_held=True)
    return study


@in_one_transaction
def lift_legal_hold(*, asker: Asker, study_uid: str) -> Study:
    """Let a study be deleted again; errors as of `set_legal_hold`."""
    study = locked_study(asker, study_uid)
    if study.legal_hold_reason:
        study.legal_hold_reason = ""
        study.save(update_fields=["legal_hold_reason", "updated_at"])
        audit.record_legal_hold(asker, study_instance_uid=study_uid, is_held=False)
    return study


def write_study(study: Study, values: Mapping[str, str]) -> None:
    """Write checked values into the columns of a locked study."""
    columns = columns_of(STUDY, values)
    for name, value in columns.items():
        setattr(study, name, value)
    study.save(update_fields=[*columns, "updated_at"])


def give_to(study: Study, patient: Patient, correction: Correction) -> None:
    """Let a locked study be of a patient, and remember whose it was."""
    was = identity_of(study.patient)
    end_anonymity(correction, [study], patient)
    study.patient = patient
    study.save(update_fields=["patient", "updated_at"])
    remember_in_studies(correction, [study], lambda _study: was)

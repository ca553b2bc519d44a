"""Studies are edited, given to another patient or project, matched with orders, held."""

from datetime import date

import pytest

from archive.corrections.reconciling import reconcile_study
from archive.corrections.selectors import step_suggestions, unmatched_studies
from archive.corrections.studies import (
    edit_study,
    lift_legal_hold,
    move_studies_to_project,
    move_study_to_patient,
    set_legal_hold,
)
from archive.corrections.undoing import undo_correction
from archive.curation.purging import purge_due
from archive.curation.removals import remove_objects
from archive.curation.types import ObjectPath
from archive.errors import InvalidRequestError, LegalHoldError, NotAllowedError, NotVisibleError
from archive.models import (
    AuditEvent,
    Membership,
    Patient,
    Project,
    Removal,
    ScheduledStep,
    Study,
)
from archive.scheduling.services import schedule_step
from archive.scheduling.types import StepValues
from tests.archive.corrections.served import by, file_bytes, file_of, found, metadata_of
from tests.archive.dicomweb.views.test_retrieving import url_of
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
STUDY = "1.2.826.0.1.9.7"


@pytest.fixture
def stored(project):
    (row,) = store_datasets(
        make_dataset(StudyInstanceUID=STUDY, AccessionNumber=""), project=project
    )
    return row


def undo(user, correction):
    return undo_correction(asker=by(user), correction_id=correction.pk)


def test_an_edited_study_is_served_so_and_undone(stored, archive_admin, radiologist):
    uid, before = stored.sop_instance_uid, file_bytes(stored.sop_instance_uid)
    values = {"AccessionNumber": "A-77", "StudyDate": "2024-03-01", "StudyTime": "08:05"}

    correction = edit_study(
        asker=by(archive_admin), study_uid=STUDY, values=values, reason="typed wrongly"
    )

    ds = file_of(uid)
    assert (ds.AccessionNumber, ds.StudyDate, ds.StudyTime) == ("A-77", "20240301", "080500")
    assert metadata_of(uid)["00080050"]["Value"] == ["A-77"]
    (row,) = found(radiologist, StudyDate="20240301", AccessionNumber="A-77")
    assert row["StudyTime"] == "080500"
    with pytest.raises(NotAllowedError):
        edit_study(asker=by(radiologist), study_uid=STUDY, values=values, reason="x")

    undo(archive_admin, correction)

    assert file_bytes(uid) == before
    assert not found(radiologist, AccessionNumber="A-77")


def test_a_study_given_to_another_patient_goes_back(stored, archive_admin, project):
    (other,) = store_datasets(
        make_dataset(PatientID="TEST-2", PatientName="Roe^Mary"), project=project
    )
    target = other.series.study.patient
    before = file_bytes(stored.sop_instance_uid)

    correction = move_study_to_patient(
        asker=by(archive_admin), study_uid=STUDY, patient_id=target.pk, reason="wrong patient"
    )

    assert len(found(archive_admin, PatientID="TEST-2")) == 2
    assert not found(archive_admin, PatientID="TEST-1")
    (more,) = store_datasets(make_dataset(StudyInstanceUID=STUDY), project=project)
    for row in (stored, more):
        ds = file_of(row.sop_instance_uid)
        assert (ds.PatientID, ds.PatientName) == ("TEST-2", "Roe^Mary")
    # What is new under the former ID is that patient's own.
    (own,) = store_datasets(make_dataset(), project=project)
    assert own.series.study.patient != target

    undo(archive_admin, correction)

    assert file_bytes(stored.sop_instance_uid) == before
    assert file_of(more.sop_instance_uid).PatientID == "TEST-1"
    assert Study.objects.get(study_instance_uid=STUDY).patient.dicom_patient_id == "TEST-1"


def test_a_study_is_matched_with_its_order(stored, archive_admin, project):
    step = schedule_step(
        asker=by(archive_admin),
        values=StepValues(
            dicom_patient_id="RIS-9",
            patient_name="Doe^Janet",
            modality="CT",
            scheduled_date=stored.series.study.study_date,
            accession_number="A-9",
            referring_physician_name="Smith^John",
            project=project.slug,
        ),
    )
    assert [one.study_instance_uid for one in unmatched_studies(archive_admin)] == [STUDY]
    assert step_suggestions(archive_admin, stored.series.study) == [step]

    correction = reconcile_study(
        asker=by(archive_admin), study_uid=STUDY, step_id=step.pk, reason="emergency"
    )

    ds = file_of(stored.sop_instance_uid)
    assert (ds.PatientID, ds.AccessionNumber) == ("RIS-9", "A-9")
    assert ds.ReferringPhysicianName == "Smith^John"
    assert ScheduledStep.objects.get().state == "STARTED"
    assert not unmatched_studies(archive_admin)
    with pytest.raises(InvalidRequestError):
        reconcile_study(asker=by(archive_admin), study_uid=STUDY, step_id=step.pk, reason="x")

    undo(archive_admin, correction)

    assert file_of(stored.sop_instance_uid).PatientID == "TEST-1"
    assert Study.objects.get().accession_number == ""
    assert Patient.objects.get(studies__isnull=False).dicom_patient_id == "TEST-1"


@pytest.mark.parametrize("is_full", [True, False])
def test_an_order_that_says_little_gives_a_study_to_nobody_elsewhere(
    is_full, stored, outsider, other_project
):
    Membership.objects.filter(user=outsider).update(role="radiology_admin")
    uid = "1.2.826.0.1.9.8"
    store_datasets(make_dataset(StudyInstanceUID=uid, PatientID="X"), project=other_project)
    full = {"patient_sex": "F", "patient_birth_date": date(1970, 1, 31)}
    step = schedule_step(
        asker=by(outsider),
        values=StepValues(
            dicom_patient_id="TEST-1",
            patient_name="Doe^Jane",
            modality="CT",
            scheduled_date=date(2024, 2, 29),
            project=other_project.slug,
            **(full if is_full else {}),
        ),
    )

    reconcile_study(asker=by(outsider), study_uid=uid, step_id=step.pk, reason="theirs")

    theirs = Study.objects.get(study_instance_uid=STUDY).patient
    given = Study.objects.get(study_instance_uid=uid).patient
    assert (given == theirs) == is_full
    assert given.conflict_of == (None if is_full else theirs)
    assert given.patient_sex == ("F" if is_full else "")


def test_a_study_moves_between_projects(
    stored, archive_admin, radiologist, outsider, other_project
):
    def move(user, **more):
        return move_studies_to_project(
            asker=by(user), study_uids=[STUDY], project="neurology", reason="theirs", **more
        )

    with pytest.raises(InvalidRequestError):
        move(radiologist)
    (correction,) = move(archive_admin)
    assert not found(radiologist)
    assert len(found(outsider)) == 1
    undo(archive_admin, correction)
    assert len(found(radiologist)) == 1
    assert not found(outsider)
    move(archive_admin, is_copy=True)
    assert len(found(radiologist)) == len(found(outsider)) == 1
    assert move(archive_admin, is_copy=True) == []


def test_the_name_in_a_picture_is_whose_the_study_is(archive_admin, client, project):
    """Also where the picture was asked for, kept and given a tag before it was put right."""
    client.force_login(archive_admin)
    wrong, right = ({"PatientName": name, "PatientID": name} for name in ("Wrong^Ann", "Right^Bo"))
    same = {"Rows": 128, "Columns": 128, "PixelData": bytes(128 * 128 * 2)}
    (theirs,) = store_datasets(
        make_dataset(StudyInstanceUID="1.2.826.0.1.9.8", **right, **same), project=project
    )
    (stored,) = store_datasets(
        make_dataset(StudyInstanceUID=STUDY, **wrong, **same), project=project
    )
    picture = "/rendered?accept=image/png&window=0,2000&annotation=patient"
    before = client.get(url_of(stored, picture))

    move_study_to_patient(
        asker=by(archive_admin),
        study_uid=STUDY,
        patient_id=theirs.series.study.patient_id,
        reason="another patient's",
    )

    after = client.get(url_of(stored, picture), headers={"if-none-match": before["ETag"]})
    assert after.status_code == 200
    assert after.content == client.get(url_of(theirs, picture)).content
    assert after.content != before.content
    again = client.get(url_of(stored, picture), headers={"if-none-match": after["ETag"]})
    assert again.status_code == 304


def test_nobody_moves_a_study_back_to_where_they_have_no_say(
    stored, archive_admin, radiologist, outsider, project, other_project
):
    """An undo is a move: wanted are the rights in both projects, and what the former one is now."""
    (correction,) = move_studies_to_project(
        asker=by(archive_admin), study_uids=[STUDY], project="neurology", reason="theirs"
    )
    Membership.objects.create(user=outsider, project=other_project, role="radiology_admin")
    with pytest.raises(NotAllowedError):
        undo(outsider, correction)
    assert not found(radiologist)
    Project.objects.filter(pk=project.pk).update(is_deidentified=True)
    with pytest.raises(NotAllowedError, match="originals"):
        undo(archive_admin, correction)
    assert not found(radiologist)


def test_legal_hold_keeps_a_study_from_deletion_and_purge(
    stored, archive_admin, radiologist, settings
):
    """T87."""
    settings.TWINSIGHT_PURGE_AFTER_DAYS = 0
    removal = remove_objects(
        asker=by(archive_admin), path=ObjectPath(STUDY), reason="before the hold"
    )
    Study.objects.update(legal_hold_reason="a lawsuit")
    assert purge_due() == 0
    assert Removal.objects.get().purged_at is None
    Study.objects.update(legal_hold_reason="")
    from archive.curation.removals import undo_removal

    undo_removal(asker=by(archive_admin), removal_id=removal.pk)

    with pytest.raises(NotAllowedError):
        set_legal_hold(asker=by(radiologist), study_uid=STUDY, reason="x")
    with pytest.raises(InvalidRequestError):
        set_legal_hold(asker=by(archive_admin), study_uid=STUDY, reason=" ")
    with pytest.raises(NotVisibleError):
        set_legal_hold(asker=by(archive_admin), study_uid="1.2.3", reason="x")
    set_legal_hold(asker=by(archive_admin), study_uid=STUDY, reason="a lawsuit")
    with pytest.raises(LegalHoldError):
        remove_objects(asker=by(archive_admin), path=ObjectPath(STUDY), reason="clean up")
    refused = AuditEvent.objects.get(act="delete", outcome=AuditEvent.Outcome.MINOR_FAILURE)
    assert refused.details == {"refused": "legal-hold"}
    assert len(found(radiologist)) == 1
    lift_legal_hold(asker=by(archive_admin), study_uid=STUDY)
    remove_objects(asker=by(archive_admin), path=ObjectPath(STUDY), reason="clean up")
    assert purge_due() == 1
    acts = AuditEvent.objects.filter(act__in=["hold", "lift-hold"]).values_list("act", flat=True)
    assert sorted(acts) == ["hold", "lift-hold"]

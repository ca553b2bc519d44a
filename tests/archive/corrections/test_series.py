"""Series are edited, split off and moved; they are served as of the study they are in."""

import pytest
from django.utils import timezone

from archive.corrections.series import edit_series, move_series, split_study
from archive.corrections.undoing import undo_correction
from archive.curation.removals import remove_objects
from archive.curation.selectors import is_gone
from archive.curation.types import ObjectPath
from archive.errors import InvalidRequestError, NotVisibleError, StateConflictError
from archive.models import Series, Study
from archive.query.types import Level
from archive.retrieve.selectors import visible_instance, visible_study
from tests.archive.corrections.served import by, file_bytes, file_of, found, instance, metadata_of
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.inference import RunFactory

pytestmark = pytest.mark.django_db
FIRST, SECOND = "1.2.826.0.1.8.1", "1.2.826.0.1.8.2"
CT, MR = f"{FIRST}.1", f"{FIRST}.2"


def make(series, number=1, study=FIRST, **more):
    return make_dataset(
        StudyInstanceUID=study,
        SeriesInstanceUID=series,
        SOPInstanceUID=f"{series}.{number}",
        **more,
    )


@pytest.fixture
def stored(project):
    """Two series of one study, and a study of another patient."""
    other = make(f"{SECOND}.1", study=SECOND, PatientID="TEST-2", PatientName="Roe^Mary")
    datasets = (make(CT), make(MR, Modality="MR", BodyPartExamined="HEAD"), other)
    return store_datasets(*datasets, project=project)


def counts(uid):
    study = Study.objects.get(study_instance_uid=uid)
    return (
        study.number_of_study_related_series,
        study.number_of_study_related_instances,
        study.modalities_in_study,
        study.stored_bytes > 0,
    )


def undo(user, correction):
    return undo_correction(asker=by(user), correction_id=correction.pk)


def move(user, *series):
    return move_series(
        asker=by(user), study_uid=FIRST, series_uids=series, target_uid=SECOND, reason="mixed up"
    )


def test_an_edited_series_is_served_so(stored, archive_admin):
    correction = edit_series(
        asker=by(archive_admin),
        study_uid=FIRST,
        series_uid=MR,
        values={"BodyPartExamined": "KNEE", "SeriesNumber": "7"},
        reason="it is a knee",
    )

    ds = file_of(f"{MR}.1")
    assert (ds.BodyPartExamined, ds.SeriesNumber) == ("KNEE", 7)
    assert metadata_of(f"{MR}.1")["00200011"]["Value"] == [7]
    assert "OriginalAttributesSequence" not in file_of(f"{CT}.1")
    assert Study.objects.get(study_instance_uid=FIRST).body_parts == ["KNEE"]
    undo(archive_admin, correction)
    assert file_of(f"{MR}.1").BodyPartExamined == "HEAD"
    assert Study.objects.get(study_instance_uid=FIRST).body_parts == ["HEAD"]


def test_series_split_off_are_a_study_of_their_own(stored, archive_admin, radiologist, project):
    before = file_bytes(f"{MR}.1")
    series = stored[1].series
    run = RunFactory(series=series, study=series.study, not_before=timezone.now())

    correction = split_study(
        asker=by(archive_admin), study_uid=FIRST, series_uids=[MR], reason="two examinations"
    )

    made = Series.objects.get(series_instance_uid=MR).study
    uid = made.study_instance_uid
    ds, document = file_of(f"{MR}.1"), metadata_of(f"{MR}.1")
    assert ds.StudyInstanceUID == uid != FIRST
    assert ds.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].StudyInstanceUID == FIRST
    assert document["0020000D"]["Value"] == [uid]
    assert uid in document["7FE00010"]["BulkDataURI"]
    assert (counts(FIRST), counts(uid)) == ((1, 1, ["CT"], True), (1, 1, ["MR"], True))
    assert visible_instance(radiologist, uid, MR, f"{MR}.1")
    with pytest.raises(NotVisibleError):
        visible_instance(radiologist, FIRST, MR, f"{MR}.1")
    assert {row["Modality"] for row in found(radiologist, Level.SERIES, StudyInstanceUID=uid)} == {
        "MR"
    }
    run.refresh_from_db()
    assert run.study == made, "what was found in the series goes with it"
    # What arrives for the series under its former study goes with it, too.
    store_datasets(make(MR, 2, Modality="MR"), project=project)
    assert file_of(f"{MR}.2").StudyInstanceUID == uid
    assert counts(uid) == (1, 2, ["MR"], True)

    undo(archive_admin, correction)

    assert file_bytes(f"{MR}.1") == before
    assert file_of(f"{MR}.2").StudyInstanceUID == FIRST
    assert counts(FIRST) == (2, 3, ["CT", "MR"], True)
    assert not Study.objects.filter(pk=made.pk).exists()
    run.refresh_from_db()
    assert run.study.study_instance_uid == FIRST


def test_a_study_whose_series_all_moved_is_gone_and_what_is_new_follows(
    stored, archive_admin, radiologist, project
):
    correction = move(archive_admin, CT, MR)

    ds = file_of(f"{CT}.1")
    assert (ds.StudyInstanceUID, ds.PatientID) == (SECOND, "TEST-2")
    assert counts(SECOND)[:2] == (3, 3)
    with pytest.raises(NotVisibleError):
        visible_study(radiologist, FIRST)
    assert is_gone(radiologist, ObjectPath(FIRST))
    store_datasets(make(f"{FIRST}.3", Modality="CR"), make(CT, 2), project=project)
    late = file_of(f"{FIRST}.3.1")
    assert (late.StudyInstanceUID, late.PatientName) == (SECOND, "Roe^Mary")
    assert instance(f"{CT}.2").series.study.study_instance_uid == SECOND

    undo(archive_admin, correction)

    assert counts(FIRST) == (3, 4, ["CR", "CT", "MR"], True)
    assert counts(SECOND)[:2] == (1, 1)
    assert file_of(f"{FIRST}.3.1").PatientName == "Doe^Jane"
    assert visible_study(radiologist, FIRST)


def test_what_can_not_be_moved_says_so(stored, archive_admin, radiologist):
    with pytest.raises(InvalidRequestError):
        split_study(asker=by(archive_admin), study_uid=FIRST, series_uids=[CT, MR], reason="x")
    with pytest.raises(NotVisibleError):
        move(archive_admin, "1.2.3")
    with pytest.raises(NotVisibleError):
        move(archive_admin)
    remove_objects(asker=by(archive_admin), path=ObjectPath(FIRST, CT, f"{CT}.1"), reason="x")
    with pytest.raises(NotVisibleError):
        move(archive_admin, CT)
    correction = move(archive_admin, MR)
    remove_objects(asker=by(archive_admin), path=ObjectPath(SECOND, MR, f"{MR}.1"), reason="x")
    with pytest.raises(StateConflictError):
        undo(archive_admin, correction)

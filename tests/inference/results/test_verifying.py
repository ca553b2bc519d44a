import datetime
import io

import highdicom as hd
import pytest

from archive.dicom.reading import read_dataset
from inference.errors import ResultEncodingError
from inference.results.codes import BODY_PART, MODALITY, body_part_code, modality_code
from inference.results.sr import build_classification_sr
from inference.results.types import Evaluation
from inference.results.verifying import Change, verified_successor
from tests.dciodvfy import errors_of

WHEN = datetime.datetime(2026, 3, 4, 10, 20, 30, tzinfo=datetime.UTC)


@pytest.fixture
def report(series, algorithm, make_identity):
    made = build_classification_sr(
        source_datasets=series,
        evaluations=[
            Evaluation(MODALITY, modality_code("CT"), 0.97),
            Evaluation(BODY_PART, body_part_code("CHEST"), 0.6),
        ],
        algorithm=algorithm,
        identity=make_identity(3),
    )
    return read_dataset(written(made))  # as the archive gives it


def groups_of(ds):
    found = {}
    for group in reread(ds).content.get_image_measurement_groups():
        uid = next(i.value for i in group[0].ContentSequence if i.name.value == "112040")
        found[str(uid)] = group
    return found


def written(ds):
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return buffer


def reread(ds):
    return hd.sr.srread(written(ds))


def tracking_uid(ds, number):
    return list(groups_of(ds))[number]


def verified(report, **changes):
    return verified_successor(report, "Doe^Jane", "Central Hospital", WHEN, **changes)


def test_an_accepted_report_becomes_verified_with_its_observer(report):
    successor = reread(verified(report))
    (observer,) = successor.VerifyingObserverSequence
    assert successor.VerificationFlag == "VERIFIED"
    assert str(observer.VerifyingObserverName) == "Doe^Jane"
    assert observer.VerifyingOrganization == "Central Hospital"
    assert observer.VerificationDateTime.startswith("20260304102030")
    assert report.VerificationFlag == "UNVERIFIED"
    assert "VerifyingObserverSequence" not in report


def test_a_successor_names_its_predecessor_and_is_another_object(report):
    successor = verified(report)
    (study,) = successor.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == report.SOPInstanceUID
    assert successor.SOPInstanceUID != report.SOPInstanceUID
    assert successor.file_meta.MediaStorageSOPInstanceUID == successor.SOPInstanceUID
    assert successor.SeriesInstanceUID == report.SeriesInstanceUID
    assert successor.InstanceNumber == 2
    assert verified(report).SOPInstanceUID == successor.SOPInstanceUID


def test_a_changed_answer_loses_the_models_certainty_and_says_what_it_said(report):
    uid = tracking_uid(report, 1)
    successor = reread(verified(report, changes=[Change(uid, label="ABDOMEN")]))
    group = groups_of(successor)[uid]
    (answer,) = group.get_qualitative_evaluations(name=hd.sr.CodedConcept(*BODY_PART))
    assert answer.value.meaning == "Abdomen"
    assert group.get_measurements() == []
    texts = [i.value for i in group[0].ContentSequence if i.name.value == "121106"]
    assert texts == ["Changed by Doe^Jane: the model said Chest"]


def test_a_right_answer_has_the_code_that_is_given(report):
    uid = tracking_uid(report, 1)
    for item in report.iterall():
        # An answer to a question of the model's own, not a body part.
        if item.keyword == "CodeValue" and item.value == BODY_PART[0]:
            item.value = "12345"
    code = ("233604007", "SCT", "Pneumonia")
    successor = verified(report, changes=[Change(uid, label="pneumonia", code=code)])
    held = {str(item.value) for item in successor.iterall() if item.keyword == "CodeValue"}
    assert "233604007" in held
    assert "pneumonia" not in held


def test_a_changed_number_keeps_its_unit(report):
    uid = tracking_uid(report, 0)
    successor = verified(report, changes=[Change(uid, name="Certainty of Finding", value=12.5)])
    numbers = groups_of(successor)[uid].get_measurements()
    assert numbers[0].value == pytest.approx(12.5)
    assert numbers[0].unit.value == "%"


def test_a_removed_statement_is_gone(report):
    uid = tracking_uid(report, 0)
    successor = verified(report, changes=[Change(uid, is_removed=True)])
    assert uid not in groups_of(successor)
    assert len(groups_of(successor)) == 1


def test_times_stand_in_the_zone_that_the_object_names(report):
    report.TimezoneOffsetFromUTC = "-0530"
    assert (
        verified(report)
        .VerifyingObserverSequence[0]
        .VerificationDateTime.startswith("20260304045030")
    )


@pytest.mark.parametrize(
    "change",
    [
        Change("2.25.1", label="HEAD"),
        Change("", is_removed=True),
    ],
)
def test_a_change_of_what_is_not_there_is_refused(report, change):
    with pytest.raises(ResultEncodingError):
        verified(report, changes=[change])


def test_a_report_of_which_nothing_is_left_is_refused(report):
    changes = [Change(uid, is_removed=True) for uid in groups_of(report)]
    with pytest.raises(ResultEncodingError):
        verified(report, changes=changes)


def test_a_verified_report_names_person_and_organization(report):
    with pytest.raises(ResultEncodingError):
        verified_successor(report, "Doe^Jane", " ", WHEN)


def test_a_successor_in_a_series_of_its_own(report):
    assert verified(report, series_instance_uid="2.25.5").SeriesInstanceUID == "2.25.5"


def test_the_validator_has_nothing_against_a_successor(report, tmp_path):
    uid = tracking_uid(report, 1)
    assert errors_of(report, tmp_path) == []
    assert errors_of(verified(report, changes=[Change(uid, label="HEAD")]), tmp_path) == []

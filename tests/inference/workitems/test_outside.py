"""Runs that somebody outside performs, from the queue to results that count like our own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from archive.errors import NotAllowedError
from archive.ingest.types import Origin
from archive.models import Peer, Series
from inference.errors import RunConflictError
from inference.models import Run, SeriesText, Workitem
from inference.runs.control import cancel_run
from inference.runs.dispatching import due_runs
from inference.runs.reconciling import bring_back_lost
from inference.similarity.words.ranking import text_query
from inference.similarity.words.series_words import mark_words_stale, refresh_words
from inference.workitems.errors import (
    FinalStateError,
    NotOurPerformerError,
    WorkitemClaimedError,
    WorkitemFinalError,
)
from inference.workitems.run_steps import workitem_uid
from inference.workitems.selectors import find_workitem
from inference.workitems.services import change_state, update_workitem
from tests.builders.datasets import make_dataset
from tests.builders.reports import content_item, make_report
from tests.builders.runs import due_run
from tests.builders.stored import store_datasets
from tests.builders.workitems import performed

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pydicom import Dataset

    from archive.audit.types import Asker
    from archive.models import Project
    from inference.models import ModelVersion

pytestmark = pytest.mark.django_db
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
CLAIM = "2.25.77"


@pytest.fixture
def run(series: Series, outside_model: ModelVersion) -> Run:
    return due_run(series, outside_model)


def stored_result(series: Series, project: Project, origin: Origin | None = None) -> Dataset:
    ds = make_dataset()
    ds.StudyInstanceUID = series.study.study_instance_uid
    ds.PatientID = series.study.patient.dicom_patient_id
    ds.PatientName = series.study.patient.patient_name
    store_datasets(ds, project=project, origin=origin)
    return ds


def test_workers_of_ours_leave_it_alone(run: Run) -> None:
    assert due_runs() == []


def test_performer_claims_it_and_its_results_are_those_of_the_run(
    run: Run, series: Series, project: Project, asker: Asker
) -> None:
    uid = workitem_uid(run)

    assert change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)
    run.refresh_from_db()
    assert (run.state, run.attempts, bring_back_lost()) == (Run.State.RUNNING, 1, 0)
    assert list(run.inputs) == [series.instances.get().sop_instance_uid]

    result = stored_result(series, project)
    said = performed((SEG, result.SOPInstanceUID))
    update_workitem(asker=asker, uid=uid, changes=said, transaction_uid=CLAIM)
    change_state(asker=asker, uid=uid, state="COMPLETED", transaction_uid=CLAIM)

    run.refresh_from_db()
    assert (run.state, run.device) == (Run.State.SUCCEEDED, "by radiologist")
    assert list(run.outputs.values()) == [result.SOPInstanceUID]
    document = find_workitem(asker.user, uid).document()
    assert document["00741000"]["Value"] == ["COMPLETED"]
    assert document["00741216"] == said["00741216"]
    assert Workitem.objects.get().state == "COMPLETED"


def test_it_is_not_completed_with_what_was_not_stored(run: Run, asker: Asker) -> None:
    uid = workitem_uid(run)
    change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)
    said = performed((SEG, "1.2.3.404"))
    update_workitem(asker=asker, uid=uid, changes=said, transaction_uid=CLAIM)

    with pytest.raises(FinalStateError, match="store it first"):
        change_state(asker=asker, uid=uid, state="COMPLETED", transaction_uid=CLAIM)

    run.refresh_from_db()
    assert run.state == Run.State.RUNNING


def test_results_of_a_model_on_trial_are_for_reviewers(
    run: Run, series: Series, project: Project, asker: Asker
) -> None:
    Run.objects.filter(pk=run.pk).update(is_shadow=True)
    uid = workitem_uid(run)
    change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)
    result = stored_result(series, project)
    said = performed((SEG, result.SOPInstanceUID))
    update_workitem(asker=asker, uid=uid, changes=said, transaction_uid=CLAIM)

    change_state(asker=asker, uid=uid, state="COMPLETED", transaction_uid=CLAIM)

    assert Series.objects.get(series_instance_uid=result.SeriesInstanceUID).withheld == "trial"


def test_reports_of_a_trial_that_arrived_shown_cease_to_be_words_with_it(
    run: Run, series: Series, project: Project, asker: Asker
) -> None:
    Run.objects.filter(pk=run.pk).update(is_shadow=True)
    uid = workitem_uid(run)
    change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)
    patient = series.study.patient
    report = make_report(
        [content_item("TEXT", "sarcoidosis")],
        StudyInstanceUID=series.study.study_instance_uid,
        PatientID=patient.dicom_patient_id,
        PatientName=patient.patient_name,
    )
    store_datasets(report, project=project)
    mark_words_stale([series.study_id])
    refresh_words()
    found = SeriesText.objects.filter(series=series, document=text_query("sarcoidosis"))
    assert found.exists()

    said = performed((report.SOPClassUID, report.SOPInstanceUID))
    update_workitem(asker=asker, uid=uid, changes=said, transaction_uid=CLAIM)
    change_state(asker=asker, uid=uid, state="COMPLETED", transaction_uid=CLAIM)
    refresh_words()

    assert not found.exists()


@pytest.mark.parametrize("door", ["dicomweb", "dimse"])
def test_results_of_a_trial_are_withheld_from_the_moment_they_arrive(
    run: Run, series: Series, project: Project, asker: Asker, colleague: User, door: str
) -> None:
    Run.objects.filter(pk=run.pk).update(is_shadow=True)
    Peer.objects.create(ae_title="GPU1", address="127.0.0.1", project=project, account=asker.user)
    performer = Origin(door="dicomweb", actor=asker.user, project=project)
    if door == "dimse":
        performer = Origin(door="dimse", source="GPU1", project=project)
    change_state(asker=asker, uid=workitem_uid(run), state="IN PROGRESS", transaction_uid=CLAIM)

    early = stored_result(series, project, origin=performer)
    others = stored_result(series, project)

    rows = Series.objects.all()
    assert rows.get(series_instance_uid=early.SeriesInstanceUID).withheld == "trial"
    seen = rows.visible_to(colleague).values_list("series_instance_uid", flat=True)
    assert others.SeriesInstanceUID in seen
    assert early.SeriesInstanceUID not in seen

    change_state(asker=asker, uid=workitem_uid(run), state="CANCELED", transaction_uid=CLAIM)
    late = stored_result(series, project, origin=performer)
    assert rows.get(series_instance_uid=late.SeriesInstanceUID).withheld == ""
    assert rows.get(series_instance_uid=early.SeriesInstanceUID).withheld == "trial"


@pytest.mark.parametrize("place", ["its input", "another series", "added to another series"])
def test_what_was_there_before_is_no_result_and_is_not_withheld(
    place: str, series: Series, project: Project, outside_model: ModelVersion, asker: Asker
) -> None:
    earlier = stored_result(series, project)
    run = due_run(series, outside_model)
    Run.objects.filter(pk=run.pk).update(is_shadow=True)
    named = {
        "its input": series.instances.get().sop_instance_uid,
        "another series": earlier.SOPInstanceUID,
        "added to another series": "1.2.3.99",
    }[place]
    earlier.SOPInstanceUID = "1.2.3.99"
    store_datasets(earlier, project=project)
    uid = workitem_uid(run)
    change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)
    said = performed((SEG, named))
    update_workitem(asker=asker, uid=uid, changes=said, transaction_uid=CLAIM)

    with pytest.raises(FinalStateError, match="no new object"):
        change_state(asker=asker, uid=uid, state="COMPLETED", transaction_uid=CLAIM)

    assert not Series.objects.exclude(withheld="").exists()


def test_performer_gives_it_up(run: Run, asker: Asker) -> None:
    uid = workitem_uid(run)
    change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)

    change_state(asker=asker, uid=uid, state="CANCELED", transaction_uid=CLAIM)

    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_person_cancels_what_somebody_outside_works_on(run: Run, asker: Asker) -> None:
    uid = workitem_uid(run)
    change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)

    cancel_run(asker=asker, run_id=run.pk)

    with pytest.raises(WorkitemFinalError):
        change_state(asker=asker, uid=uid, state="COMPLETED", transaction_uid=CLAIM)
    with pytest.raises(RunConflictError):
        cancel_run(asker=asker, run_id=run.pk)


def test_series_that_still_arrives_is_not_claimed(run: Run, asker: Asker) -> None:
    Run.objects.filter(pk=run.pk).update(not_before=timezone.now() + timedelta(minutes=1))

    with pytest.raises(WorkitemClaimedError):
        change_state(asker=asker, uid=workitem_uid(run), state="IN PROGRESS", transaction_uid=CLAIM)


def test_series_that_the_model_is_not_for_is_refused_and_ended(
    run: Run, outside_model: ModelVersion, asker: Asker
) -> None:
    outside_model.inputs = {"modalities": ["US"]}
    outside_model.save()
    uid = workitem_uid(run)

    with pytest.raises(WorkitemFinalError):
        change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)

    run.refresh_from_db()
    assert run.state == Run.State.SKIPPED


def test_urgency_is_that_of_the_run(run: Run, asker: Asker) -> None:
    high = {"00741200": {"vr": "CS", "Value": ["HIGH"]}}
    update_workitem(asker=asker, uid=workitem_uid(run), changes=high, transaction_uid="")

    run.refresh_from_db()
    assert run.priority == 9
    assert find_workitem(asker.user, workitem_uid(run)).document()["00741200"] == high["00741200"]


def test_runs_of_our_own_workers_are_not_claimed(series: Series, asker: Asker) -> None:
    uid = workitem_uid(due_run(series))

    with pytest.raises(NotOurPerformerError):
        change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)


def test_who_may_only_look_claims_nothing(run: Run, colleague: User, asker: Asker) -> None:
    from archive.audit.types import Asker as Somebody

    viewer = Somebody(door="dicomweb", user=colleague)

    with pytest.raises(NotAllowedError):
        change_state(
            asker=viewer, uid=workitem_uid(run), state="IN PROGRESS", transaction_uid=CLAIM
        )

"""What a run stores is for reviewers alone from the first moment where its model is on trial."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from archive.audit.types import Asker
from archive.events.services import relay_outbox
from archive.models import Forward, ForwardingRule, Instance, OutboxEvent, Peer, Series
from archive.notices.follows import follow_study
from archive.notices.selectors import notices_of
from inference.models import ModelVersion, Run
from inference.runs import execution
from inference.runs.claiming import claim_run
from inference.runs.execution import execute_run, storing
from inference.runs.execution.storing import identity_of, store_once
from inference.runs.finishing import fail_run, finish_run
from inference.runs.types import RunOutcome
from tests.builders.datasets import make_dataset
from tests.builders.runs import claimed_run
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pydicom.dataset import Dataset

    from archive.models import Project
    from inference.results.types import ResultIdentity

pytestmark = pytest.mark.django_db

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
TRIALS = ["version", "run", "version put in shadow while it runs"]


@pytest.fixture
def images(project: Project) -> Series:
    (instance,) = store_datasets(make_dataset(StudyInstanceUID="1.2.3"), project=project)
    relay_outbox()
    return Series.objects.select_related("study__patient").get(pk=instance.series_id)


def begun(series: Series, how: str = "") -> Run:
    """Return a run under way: on trial in one way or another, or not at all."""
    version = ModelVersionFactory(state="shadow" if how == "version" else "active")
    run = claimed_run(series, version, is_shadow=how == "run")
    if how == "version put in shadow while it runs":
        ModelVersion.objects.update(state="shadow")
    return run


def built(run: Run, identity: ResultIdentity) -> Dataset:
    patient = run.series.study.patient
    return make_dataset(
        StudyInstanceUID=run.series.study.study_instance_uid,
        SeriesInstanceUID=identity.series_instance_uid,
        SOPInstanceUID=identity.sop_instance_uid,
        PatientID=patient.dicom_patient_id,
        PatientName=patient.patient_name,
        SOPClassUID=SEG,
        Modality="SEG",
    )


def stored(run: Run, kind: str = "seg") -> str:
    identity = identity_of(run, kind, "Lungs")
    return store_once(run, identity, lambda: built(run, identity))


def withheld(uid: str) -> str:
    return str(Series.objects.get(instances__sop_instance_uid=uid).withheld)


def seen(user: User, uid: str) -> bool:
    return bool(Instance.objects.visible_to(user).filter(sop_instance_uid=uid).exists())


@pytest.mark.parametrize("how", TRIALS)
def test_results_of_a_trial_begin_withheld(
    images: Series, how: str, colleague: User, radiologist: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(images, how)
    at_once = []
    ingest = storing.ingest_files

    def ingest_and_look(**given: object) -> object:
        results = ingest(**given)
        at_once.append(withheld(results[0].sop_instance_uid))
        return results

    monkeypatch.setattr(storing, "ingest_files", ingest_and_look)

    uid = stored(run)

    assert at_once == ["trial"]
    assert (seen(colleague, uid), seen(radiologist, uid)) == (False, True)
    images.study.refresh_from_db()
    assert images.study.number_of_study_related_series == 1


def test_results_of_a_model_in_use_are_everybodys(images: Series, colleague: User) -> None:
    uid = stored(begun(images))

    assert withheld(uid) == ""
    assert seen(colleague, uid)


@pytest.mark.parametrize("how", TRIALS)
@pytest.mark.parametrize("end", ["cancelled", "too slow", "dead", "succeeded"])
def test_what_a_trial_stored_stays_withheld_however_it_ends(
    images: Series, how: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(images, how)
    uids: list[str] = []

    def pipeline(run: Run) -> RunOutcome:
        uids.append(stored(run))
        if end == "cancelled":
            Run.objects.filter(pk=run.pk).update(cancel_requested_at=timezone.now())
            raise execution.RunStoppedError
        if end == "too slow":
            raise SoftTimeLimitExceeded
        if end == "dead":
            raise storing.ResultEncodingError("No second object.")
        return RunOutcome(device="cpu", outputs={"seg": uids[0]})

    monkeypatch.setattr(execution, "import_string", lambda _: pipeline)

    execute_run(run)
    ModelVersion.objects.update(state="retired")

    run.refresh_from_db()
    assert run.state == {"cancelled": "cancelled", "succeeded": "succeeded"}.get(end, "dead")
    assert [withheld(uid) for uid in uids] == ["trial"]
    assert run.is_shadow


def test_a_trial_goes_nowhere_and_rings_for_reviewers_alone(
    images: Series, project: Project, radiologist: User, colleague: User
) -> None:
    peer = Peer.objects.create(ae_title="PACS", address="127.0.0.1", project=project)
    ForwardingRule.objects.create(name="All", peer=peer, is_enabled=True, includes_results=True)
    for user in (radiologist, colleague):
        follow_study(asker=Asker(door="portal", user=user), study_uid="1.2.3")

    stored(begun(images, "version"))
    relay_outbox()

    assert not OutboxEvent.objects.filter(published_at=None).exists()
    assert not Forward.objects.exists()
    assert (notices_of(radiologist).count(), notices_of(colleague).count()) == (1, 0)

    stored(begun(images))
    relay_outbox()

    assert Forward.objects.count() == 1
    assert (notices_of(radiologist).count(), notices_of(colleague).count()) == (1, 1)


def again(run: Run) -> Run:
    Run.objects.filter(pk=run.pk).update(
        state=Run.State.QUEUED, not_before=timezone.now() - timedelta(seconds=1)
    )
    claimed = claim_run(run.pk)
    assert claimed is not None
    return claimed


def test_a_version_in_use_shows_what_its_failed_trial_left(images: Series) -> None:
    run = begun(images, "version")
    uid = stored(run)
    fail_run(run, "Broken.", is_retriable=False)
    ModelVersion.objects.update(state="active")
    Run.objects.update(is_shadow=False)

    assert stored(again(run)) == uid

    assert withheld(uid) == ""


def test_a_trial_withholds_what_a_failed_run_left(images: Series) -> None:
    run = begun(images)
    uid = stored(run)
    fail_run(run, "Broken.", is_retriable=False)
    ModelVersion.objects.update(state="shadow")

    assert stored(again(run)) == uid

    assert withheld(uid) == "trial"


def test_a_heat_map_of_a_trial_begins_withheld_and_makes_no_trial_of_a_result_in_use(
    images: Series,
) -> None:
    run = begun(images)
    report = stored(run, "sr")
    finish_run(run, RunOutcome(device="cpu", outputs={"sr": report}))
    ModelVersion.objects.update(state="shadow")
    asked = Run.objects.select_related("model_version", "series__study").get(pk=run.pk)

    heat_map = stored(asked, "heatmap")

    run.refresh_from_db()
    assert (withheld(report), withheld(heat_map), run.is_shadow) == ("", "trial", False)

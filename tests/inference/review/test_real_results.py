"""Results of the models that come with the product, reviewed: reports that others can read."""

from __future__ import annotations

from datetime import timedelta

import highdicom as hd
import pytest
from django.utils import timezone

from archive.models import Instance, Series
from archive.retrieve.datasets import load_dataset
from deploy.demo.cohort import CHEST_CT, Visit
from deploy.demo.datasets import visit_files
from deploy.demo.people import PEOPLE
from inference.models import Run
from inference.review.services import review_result
from inference.review.types import Correction
from inference.runs.claiming import claim_run
from inference.runs.defaults import install_defaults
from inference.runs.dispatching import due_runs
from inference.runs.execution import execute_run
from inference.runs.queueing import queue_runs_for_series
from tests.builders.stored import store_bytes
from tests.dciodvfy import errors_of

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def runs(db, settings, models_dir, project) -> dict[str, Run]:
    """A chest CT with what the default models made of it."""
    settings.TWINSIGHT_MODELS_DIR = models_dir
    install_defaults()
    visit = Visit(901, PEOPLE[5], "20250601", "101500", CHEST_CT, "no finding", 0)
    store_bytes(*(file.content for file in visit_files(visit)), project=project)
    queue_runs_for_series(Series.objects.values_list("pk", flat=True))
    Run.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    while keys := due_runs():
        for key in keys:
            run = claim_run(key)
            if run is not None:
                execute_run(run)
    rows = Run.objects.select_related("model_version").filter(state=Run.State.SUCCEEDED)
    return {run.model_version.name: run for run in rows}


def stored(uid):
    return load_dataset(Instance.objects.select_related("blob").get(sop_instance_uid=uid))


def test_measured_volume_is_corrected_and_the_report_verified(runs, reviewer, tmp_path):
    run = runs["ct-body-bone-lung"]
    finding = run.findings.filter(kind="measurement", label="Bone").order_by("pk").first()

    review = review_result(
        asker=reviewer,
        run_id=run.pk,
        decision="edited",
        corrections=[Correction(finding=finding.pk, value=1234.5)],
    )

    report = stored(review.successor_uid)
    assert report.VerificationFlag == "VERIFIED"
    numbers = _numbers(report)
    assert 1234.5 in numbers
    assert finding.value not in numbers
    assert hd.sr.Comprehensive3DSR.from_dataset(report).content
    assert errors_of(report, tmp_path) == []
    seg = Series.objects.get(instances__sop_instance_uid=run.outputs["seg"])
    assert seg.withheld == ""


def test_one_measurement_is_taken_out_and_a_mean_corrected(runs, reviewer, tmp_path):
    run = runs["ct-body-bone-lung"]
    bone = {one.name: one for one in run.findings.filter(kind="measurement", label="Bone")}

    review = review_result(
        asker=reviewer,
        run_id=run.pk,
        decision="edited",
        corrections=[
            Correction(finding=bone["Long axis"].pk, is_removed=True),
            Correction(finding=bone["Mean Attenuation Coefficient"].pk, value=612.5),
        ],
    )

    report = stored(review.successor_uid)
    numbers = _numbers(report)
    assert 612.5 in numbers
    # The reviewer accepted the volume, so the report still says it.
    assert any(number == pytest.approx(bone["Volume"].value, abs=0.01) for number in numbers)
    assert not any(number == pytest.approx(bone["Long axis"].value) for number in numbers)
    assert len(numbers) == run.findings.filter(kind="measurement").count() - 1
    assert errors_of(report, tmp_path) == []


def test_statements_are_accepted_and_corrected(runs, reviewer, tmp_path):
    name = next(one for one, run in runs.items() if run.findings.filter(name="modality").exists())
    run = runs[name]

    accepted = review_result(asker=reviewer, run_id=run.pk, decision="accepted")
    assert errors_of(stored(accepted.successor_uid), tmp_path) == []

    wrong = run.findings.get(name="body_part")
    edited = review_result(
        asker=reviewer,
        run_id=run.pk,
        decision="edited",
        corrections=[Correction(finding=wrong.pk, label="BRAIN")],
    )
    report = stored(edited.successor_uid)
    meanings = {str(one.value) for one in report.iterall() if one.keyword == "CodeMeaning"}
    assert "Brain" in meanings
    assert errors_of(report, tmp_path) == []


def _numbers(item):
    found = []
    for child in item.get("ContentSequence") or ():
        if child.get("ValueType") == "NUM":
            found.append(float(child.MeasuredValueSequence[0].NumericValue))
        found += _numbers(child)
    return found

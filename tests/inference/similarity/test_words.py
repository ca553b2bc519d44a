"""What series are found by, and how it is kept up to date."""

from __future__ import annotations

import pytest

from archive.audit.types import Asker
from archive.events.services import relay_outbox
from inference.models import Finding, Label, Run, SeriesText
from inference.runs.services import finish_run
from inference.runs.types import FindingValue, RunOutcome
from inference.similarity.tasks import reconcile_words_task, refresh_words_task
from inference.similarity.word_ranking import text_query
from inference.similarity.words import mark_missing_words, mark_words_stale, refresh_words
from inference.training.labelling import NewLabel, add_labels
from tests.builders.datasets import make_dataset
from tests.builders.reports import content_item, make_report
from tests.builders.stored import store_datasets
from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory
from tests.factories.inference import RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(project):
    study = StudyFactory(
        projects=[project],
        study_description="Thorax follow-up",
        patient=PatientFactory(patient_name="Zweistein^Albert"),
    )
    return SeriesFactory(
        study=study,
        series_description="Läsion axial",
        body_part_examined="CHEST",
        protocol_name="LowDose",
    )


def has_words(series, text: str) -> bool:
    return SeriesText.objects.filter(series=series, document=text_query(text)).exists()


def fresh(*series) -> None:
    mark_words_stale(one.study_id for one in series)
    refresh_words()


@pytest.mark.parametrize(
    "text", ["lasion", "LÄSION", "chest", "lowdose", "thorax", "ct", "thorax axial", "follow up"]
)
def test_descriptions_are_words_whatever_case_and_accents(series, text):
    fresh(series)

    assert has_words(series, text)


@pytest.mark.parametrize("text", ["zweistein", "albert", "PAT1"])
def test_names_and_numbers_of_patients_are_not(series, text):
    fresh(series)

    assert not has_words(series, text)


def test_labels_of_study_series_and_instance_are_words_of_their_series(series, project):
    other = SeriesFactory(study=series.study)
    Label.objects.create(study=series.study, label_set="s", label="tuberculosis")
    Label.objects.create(study=series.study, series=series, label_set="s", label="cxr_covid19")
    fresh(series)

    assert has_words(series, "tuberculosis covid19")
    assert has_words(other, "tuberculosis")
    assert not has_words(other, "covid19")


def test_findings_are_words_where_the_model_was_rather_sure(series):
    run = RunFactory(series=series, state=Run.State.SUCCEEDED, not_before="2026-01-01T00:00Z")
    for label, probability in (("pneumonia", 0.9), ("fracture", 0.1), ("nodule", None)):
        Finding.objects.create(
            run=run, series=series, kind="classification", name="class", label=label,
            probability=probability,
        )  # fmt: skip
    fresh(series)

    assert has_words(series, "pneumonia nodule")
    assert not has_words(series, "fracture")


def test_report_is_found_by_the_images_of_its_study_and_not_by_itself(project):
    image = make_dataset()
    report = make_report(
        [content_item("TEXT", "pleural effusion")], StudyInstanceUID=image.StudyInstanceUID
    )
    instances = store_datasets(image, report, project=project)
    relay_outbox()
    refresh_words_task()

    assert has_words(instances[0].series, '"pleural effusions"')
    assert not SeriesText.objects.filter(series__modality="SR").exists()


def test_a_label_marks_its_study_stale_in_its_own_transaction(series, radiologist):
    fresh(series)
    label = NewLabel(series=series.series_instance_uid, label_set="s", label="nodule")
    add_labels(asker=Asker(door="test", user=radiologist), labels=[label])

    assert SeriesText.objects.get(series=series).is_stale
    refresh_words_task()
    assert has_words(series, "nodule")
    assert not SeriesText.objects.filter(is_stale=True).exists()


def test_findings_of_a_finished_run_mark_their_study_stale(series):
    fresh(series)
    run = RunFactory(series=series, state=Run.State.RUNNING, not_before="2026-01-01T00:00Z")
    finish_run(run, RunOutcome(device="cpu"))
    assert not SeriesText.objects.get(series=series).is_stale

    said = FindingValue(kind="classification", name="class", label="fracture", probability=0.8)
    finish_run(run, RunOutcome(device="cpu", findings=(said,)))
    assert SeriesText.objects.get(series=series).is_stale
    refresh_words()
    assert has_words(series, "fracture")


def test_missing_words_are_found_by_the_reconciler(series):
    assert reconcile_words_task() == 1
    assert mark_missing_words() == 0
    assert refresh_words() == 1
    assert has_words(series, "chest")


def test_refresh_goes_on_where_it_stopped(project):
    several = [SeriesFactory(study=StudyFactory(projects=[project])) for _ in range(3)]
    mark_words_stale(one.study_id for one in several)

    assert [refresh_words(limit=2), refresh_words(limit=2), refresh_words(limit=2)] == [2, 1, 0]


def test_texts_that_postgresql_could_choke_on_are_words_all_the_same(series):
    series.series_description = "x" * 255
    series.protocol_name = "a:b & c | !d <-> 'e' \\ (f"
    series.save()
    Label.objects.create(study=series.study, label_set="s", label="😀 nodule")

    fresh(series)

    assert has_words(series, "nodule")


@pytest.mark.parametrize(
    "text", ["'", '"', "a & | !", "-", "or or", "((", ":*", "😀", "<->", "x" * 1000, '"lung']
)
def test_no_text_that_is_typed_is_an_error(series, text):
    fresh(series)

    SeriesText.objects.filter(document=text_query(text)).count()


def test_minus_and_or_and_quotes_mean_what_people_mean(series):
    Label.objects.create(study=series.study, label_set="s", label="nodules")
    Label.objects.create(study=series.study, label_set="s", label="left lung")
    fresh(series)

    assert has_words(series, "nodule or fracture")
    assert not has_words(series, "chest -nodule")
    assert has_words(series, '"left lung"')
    assert not has_words(series, '"lung left"')

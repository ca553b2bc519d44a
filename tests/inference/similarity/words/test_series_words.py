"""What series are found by, and how it is kept up to date."""

from __future__ import annotations

import threading
from importlib import import_module

import pytest
from django.db import DataError, connection

from archive.audit.types import Asker
from archive.dicom.writing import OWN_MANUFACTURER
from archive.events.services import relay_outbox
from inference.models import Finding, Label, Run, SeriesText
from inference.runs.finishing import finish_run
from inference.runs.selectors import is_study_idle
from inference.runs.types import FindingValue, RunOutcome
from inference.similarity.tasks import reconcile_words_task, refresh_words_task
from inference.similarity.words import series_words as words
from inference.similarity.words.ranking import text_query
from inference.similarity.words.series_words import (
    mark_missing_words,
    mark_words_stale,
    refresh_words,
)
from inference.training.labelling import NewLabel, add_labels
from tests.builders.datasets import make_dataset
from tests.builders.reports import content_item, make_report
from tests.builders.stored import store_datasets
from tests.factories.archive import InstanceFactory, PatientFactory, SeriesFactory, StudyFactory
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


def test_labels_of_what_is_hidden_are_no_words_of_the_rest(series):
    trial = SeriesFactory(study=series.study, withheld="trial")
    gone = InstanceFactory(series=series, withheld="deleted")
    shown = InstanceFactory(series=series)
    for label, place in (
        ("tuberculosis", {"series": trial}),
        ("fracture", {"instance": gone}),
        ("nodule", {"instance": shown}),
    ):
        Label.objects.create(study=series.study, label_set="s", label=label, **place)
    fresh(series)

    assert has_words(series, "nodule")
    assert not has_words(series, "fracture")
    assert not has_words(series, "tuberculosis")


def test_words_from_before_are_made_anew_where_something_is_hidden(series, project):
    hidden, labelled, untouched = (
        SeriesFactory(study=StudyFactory(projects=[project])) for _ in range(3)
    )
    SeriesFactory(study=hidden.study, modality="SR", withheld="superseded")
    SeriesFactory(study=untouched.study, modality="SR")
    trial = SeriesFactory(study=labelled.study, withheld="trial")
    Label.objects.create(study=labelled.study, series=trial, label_set="s", label="fracture")
    Label.objects.create(study=untouched.study, series=untouched, label_set="s", label="nodule")
    fresh(hidden, labelled, untouched)
    migration = import_module("inference.migrations.0019_words_of_hidden_reports")

    with connection.cursor() as cursor:
        cursor.execute(migration.MARK)

    stale = set(SeriesText.objects.filter(is_stale=True).values_list("study_id", flat=True))
    assert stale == {hidden.study_id, labelled.study_id}


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


def test_heat_maps_of_our_own_are_found_by_their_images_alone(project):
    shot = SeriesFactory(study__projects=[project], modality="MR", series_description="Knee")
    drawn, foreign = (
        SeriesFactory(
            study=shot.study, modality="OT", manufacturer=maker, series_description="Knee heat"
        )
        for maker in (OWN_MANUFACTURER, "Another")
    )
    for mark in (lambda: mark_words_stale([shot.study_id]), mark_missing_words):
        mark()
        refresh_words()
        found = set(SeriesText.objects.values_list("series_id", flat=True))
        assert found == {shot.pk, foreign.pk}, drawn.pk
        SeriesText.objects.all().delete()


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
    run = RunFactory(series=series, state=Run.State.RUNNING, not_before="2026-01-01T00:00Z")
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


def test_a_study_is_idle_once_its_words_are_made(radiologist, series):
    uid = series.study.study_instance_uid
    mark_words_stale([series.study_id])
    assert not is_study_idle(radiologist, uid)

    refresh_words()

    assert is_study_idle(radiologist, uid)


def test_a_study_whose_words_cannot_be_kept_does_not_hold_up_others(
    series, project, monkeypatch, caplog
):
    other = SeriesFactory(study=StudyFactory(projects=[project]), series_description="nodule")
    mark_words_stale([series.study_id, other.study_id])
    write = words._write

    def refuse_one(key, texts):
        if SeriesText.objects.get(pk=key).series_id == series.pk:
            raise DataError("string is too long for tsvector")
        write(key, texts)

    monkeypatch.setattr(words, "_write", refuse_one)

    assert refresh_words() == 2
    assert has_words(other, "nodule")
    assert not SeriesText.objects.filter(is_stale=True).exists()
    assert "can't be kept" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_what_changes_while_words_are_made_is_not_lost(series, monkeypatch):
    """The mark waits for the refresh under way, and holds after it."""
    mark_words_stale([series.study_id])

    def mark() -> None:
        mark_words_stale([series.study_id])
        connection.close()

    meanwhile = threading.Thread(target=mark)
    report = words.report_text

    def report_and_change(study):
        meanwhile.start()
        meanwhile.join(timeout=0.2)
        assert meanwhile.is_alive()
        return report(study)

    monkeypatch.setattr(words, "report_text", report_and_change)
    refresh_words()
    meanwhile.join()

    assert SeriesText.objects.get(series=series).is_stale
    monkeypatch.setattr(words, "report_text", report)
    assert refresh_words() == 1

"""What models found and images state, for the words of thumbnails."""

from __future__ import annotations

import pytest
from django.utils import timezone

from archive.query.picture_words import pictures_in_words
from inference.models import Finding, ModelVersion, SeriesAttributes
from inference.similarity.explaining.picture_notes import MAX_FINDINGS, picture_notes
from tests.builders.vectors import direction, make_case
from tests.factories.inference import ModelVersionFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(space, project):
    return make_case(space, [direction(0)], projects=[project], modality="CR")


@pytest.fixture
def version(db):
    return ModelVersionFactory(task=ModelVersion.Task.CLASSIFY)


def find(version, series, label, probability=0.9, *, run=None, **values):
    given = {"state": "succeeded", "not_before": timezone.now(), "is_shadow": False}
    given |= {name: values.pop(name) for name in ("is_shadow", "state") if name in values}
    given["input_digest"] = str(Finding.objects.count())
    run = run or RunFactory(model_version=version, series=series, **given)
    values = {"kind": "classification", "name": "finding"} | values
    return Finding.objects.create(
        run=run, series=series, label=label, probability=probability, **values
    )


def said_of(series) -> tuple[str, ...]:
    notes = picture_notes([series.pk])
    return notes[series.pk].findings if series.pk in notes else ()


def test_findings_are_said_with_their_review(series, version):
    run = find(version, series, "pleural_effusion", 0.871).run
    find(version, series, "nodule", 0.62, run=run, review="accepted")

    assert said_of(series) == (
        "pleural effusion 87 % (not reviewed)",
        "nodule 62 % (accepted)",
    )


@pytest.mark.parametrize(
    "values",
    [
        {"review": "rejected"},
        {"is_shadow": True},
        {"state": "dead"},
        {"probability": 0.49},
        {"name": "modality"},
        {"name": "body_part"},
        {"kind": "measurement", "probability": None},
    ],
    ids=str,
)
def test_what_does_not_count_is_not_said(series, version, values):
    find(version, series, "nodule", **values)

    assert said_of(series) == ()


def test_model_on_trial_says_nothing(series):
    trial = ModelVersionFactory(state=ModelVersion.State.SHADOW)
    find(trial, series, "nodule")

    assert said_of(series) == ()


def test_newest_run_of_a_model_counts_alone(series, version):
    find(version, series, "nodule")
    find(version, series, "mass")

    assert said_of(series) == ("mass 90 % (not reviewed)",)


def test_newest_run_that_a_person_rejected_brings_no_older_one_back(series, version):
    find(version, series, "nodule")
    find(version, series, "nodule", review="rejected")

    assert said_of(series) == ()


def test_critical_and_sure_ones_come_first_and_places_are_told_once(series, version):
    run = find(version, series, "a", 0.7).run
    for probability in (0.8, 0.95):
        find(version, series, "nodule", probability, run=run, kind="detection")
    find(version, series, "b", 0.6, run=run, is_critical=True)
    find(version, series, "c", 0.55, run=run)
    find(version, series, "drawn", None, run=run)

    said = said_of(series)

    assert len(said) == MAX_FINDINGS
    assert [line.split()[0] for line in said] == ["b", "nodule", "a"]
    assert "95 %" in said[1]


def test_name_that_says_more_stands_before_the_label(series, version):
    find(version, series, "present", name="fracture")

    assert said_of(series) == ("fracture present 90 % (not reviewed)",)


def test_views_and_sides_come_from_the_images(radiologist, series):
    SeriesAttributes.objects.update_or_create(
        series=series, defaults={"values": {"ViewPosition": ["MLO"], "ImageLaterality": ["R"]}}
    )

    (words,) = pictures_in_words(radiologist, [series.series_instance_uid]).values()

    assert "right, MLO view" in words


def test_any_number_takes_two_queries(space, project, version, django_assert_num_queries):
    cases = [make_case(space, [direction(angle)], projects=[project]) for angle in (0, 0.1, 0.2)]
    for case in cases:
        find(version, case, "nodule")

    with django_assert_num_queries(2):
        notes = picture_notes([case.pk for case in cases])

    assert all(notes[case.pk].findings for case in cases)

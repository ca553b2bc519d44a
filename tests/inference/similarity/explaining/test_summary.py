"""What the nearest cases carry: counts, weights and intervals."""

from __future__ import annotations

import pytest
from django.utils import timezone

from inference.models import Finding, Label, ModelVersion, Run
from inference.similarity.explaining.summary import (
    MAX_CONSIDERED,
    MAX_LINES_A_NAME,
    wilson_interval,
)
from inference.similarity.services import search_similar
from inference.similarity.types import Level, SimilarQuery
from tests.builders.vectors import direction, make_case
from tests.factories.archive import PatientFactory
from tests.factories.inference import ModelVersionFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(space, project):
    return make_case(space, [direction(0)], projects=[project])


def cases(space, project, count, **options):
    """Cases at growing distance from the query."""
    return [
        make_case(space, [direction(0.05 * (place + 1))], projects=[project], **options)
        for place in range(count)
    ]


def label(series, label="pneumonia", label_set="diagnosis"):
    Label.objects.create(study=series.study, label_set=label_set, label=label)


def ran(version, series, state):
    return RunFactory(model_version=version, series=series, state=state, not_before=timezone.now())


def find(series, label, probability, *, name="finding", version=None, state="succeeded"):
    version = version or ModelVersionFactory(task=ModelVersion.Task.CLASSIFY)
    run = ran(version, series, state)
    Finding.objects.create(
        run=run,
        series=series,
        kind=Finding.Kind.CLASSIFICATION,
        name=name,
        label=label,
        probability=probability,
    )
    return version


def summary_of(radiologist, asked, **options):
    query = SimilarQuery(series=asked.series_instance_uid, **options)
    return search_similar(radiologist, query).summary


def test_nothing_found_says_nothing(radiologist, asked):
    assert summary_of(radiologist, asked) == ()


def test_labels_are_counted_among_the_nearest(radiologist, space, project, asked):
    near = cases(space, project, 5)
    for series in near[:3]:
        label(series)
    label(near[3], "no finding")

    lines = summary_of(radiologist, asked)

    assert [(line.label, line.count, line.considered, line.carrying) for line in lines] == [
        ("pneumonia", 3, 5, 4),
        ("no finding", 1, 5, 4),
    ]
    first = lines[0]
    assert (first.source, first.name) == ("label", "diagnosis")
    assert first.mean_probability is None
    # The three nearest weigh more than three of five.
    assert first.share > 0.6
    assert 0 < first.low < first.share < first.high < 1


def test_query_s_own_labels_are_not_counted(radiologist, space, project, asked):
    cases(space, project, 2)
    label(asked)

    assert summary_of(radiologist, asked) == ()


def test_near_case_weighs_more_than_a_far_one(radiologist, space, project, asked):
    near = cases(space, project, 4)
    label(near[0], "near")
    label(near[3], "far")

    shares = {line.label: line.share for line in summary_of(radiologist, asked)}

    assert shares["near"] > 0.25 > shares["far"]


def test_more_cases_make_the_interval_narrower(radiologist, space, project, asked):
    for series in cases(space, project, 12):
        label(series)
    few, many = (summary_of(radiologist, asked, k=k)[0] for k in (3, 12))

    assert few.share == many.share == 1
    assert few.low < many.low < 1
    assert few.high == 1


def test_at_most_twenty_are_considered(radiologist, space, project, asked):
    for series in cases(space, project, MAX_CONSIDERED + 3):
        label(series)

    (line,) = summary_of(radiologist, asked, k=30)

    assert line.count == line.considered == MAX_CONSIDERED


def test_patient_counts_once_where_results_are_not_folded(radiologist, space, project, asked):
    patient = PatientFactory()
    for series in cases(space, project, 3, patient=patient):
        label(series)
    cases(space, project, 1)

    (line,) = summary_of(radiologist, asked, fold=False)

    assert (line.count, line.considered) == (1, 2)


def test_only_what_the_asker_may_see_is_counted(radiologist, space, project, other_project, asked):
    cases(space, project, 2)
    for series in cases(space, other_project, 3):
        label(series)
        find(series, "nodule", 0.9)

    assert summary_of(radiologist, asked) == ()


def test_findings_of_models_have_their_mean_probability(radiologist, space, project, asked):
    near = cases(space, project, 3)
    find(near[0], "nodule", 0.9)
    find(near[1], "nodule", 0.7)
    find(near[2], "nodule", 0.2)

    (line,) = summary_of(radiologist, asked)

    assert (line.source, line.name, line.label, line.count) == ("finding", "finding", "nodule", 2)
    assert line.mean_probability == pytest.approx(0.8)
    assert line.carrying == 2


def test_most_probable_class_of_a_name_is_the_case_s(radiologist, space, project, asked):
    (near,) = cases(space, project, 1)
    version = find(near, "glioma", 0.8)
    run = Run.objects.get(model_version=version)
    for other, probability in (("meningioma", 0.55), ("none", 0.1)):
        Finding.objects.create(
            run=run,
            series=near,
            kind=Finding.Kind.CLASSIFICATION,
            name="finding",
            label=other,
            probability=probability,
        )

    assert [line.label for line in summary_of(radiologist, asked)] == ["glioma"]


def test_older_run_of_a_model_and_a_failed_one_say_nothing(radiologist, space, project, asked):
    (near,) = cases(space, project, 1)
    version = find(near, "old", 0.9)
    Run.objects.update(state="succeeded", input_digest="old")
    find(near, "new", 0.9, version=version)
    find(near, "failed", 0.99, state="dead")

    assert [line.label for line in summary_of(radiologist, asked)] == ["new"]


def test_modality_and_body_part_are_said_elsewhere(radiologist, space, project, asked):
    (near,) = cases(space, project, 1)
    find(near, "CT", 0.99, name="modality")

    assert summary_of(radiologist, asked) == ()


def test_segmentations_are_results(radiologist, space, project, asked):
    near = cases(space, project, 2)
    version = ModelVersionFactory(task=ModelVersion.Task.SEGMENT, name="lungs")
    ran(version, near[0], "succeeded")

    (line,) = summary_of(radiologist, asked)

    assert (line.source, line.name, line.label, line.count) == (
        "result",
        "lungs",
        "segmentation",
        1,
    )


def test_findings_of_any_series_count_for_a_study(radiologist, space, project, asked):
    (near,) = cases(space, project, 1)
    find(near, "nodule", 0.9)

    (line,) = summary_of(radiologist, asked, level=Level.STUDY)

    assert line.count == 1


def test_long_tail_of_labels_is_cut(radiologist, space, project, asked):
    for place, series in enumerate(cases(space, project, 8)):
        label(series, f"label {place}")

    lines = summary_of(radiologist, asked)

    assert [line.label for line in lines] == [f"label {place}" for place in range(MAX_LINES_A_NAME)]


def test_labels_of_people_come_before_what_models_say(radiologist, space, project, asked):
    (near,) = cases(space, project, 1)
    find(near, "nodule", 0.9)
    label(near, "z", label_set="z")

    assert [line.source for line in summary_of(radiologist, asked)] == ["label", "finding"]


def test_without_explanation_there_is_no_summary(radiologist, space, project, asked):
    for series in cases(space, project, 2):
        label(series)

    assert summary_of(radiologist, asked, explain=False) == ()


@pytest.mark.parametrize(
    ("share", "number", "low", "high"),
    [(0.5, 10, 0.2366, 0.7634), (0.0, 10, 0.0, 0.2775), (1.0, 20, 0.8389, 1.0)],
)
def test_wilson_interval(share, number, low, high):
    assert wilson_interval(share, number) == pytest.approx((low, high), abs=1e-4)

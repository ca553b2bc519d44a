"""What close means is calibrated from what the archive holds."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from inference.models import Calibration, Embedding, EmbeddingSpace, Label
from inference.similarity.quality.calibration import (
    LEAST_OBJECTS,
    calibrate_space,
    refresh_stale_calibrations,
)
from tests.builders.labelled_world import make_labelled_world
from tests.builders.vectors import DIMENSION, make_case, make_space
from tests.factories.archive import PatientFactory

pytestmark = pytest.mark.django_db


def nearest_scores(space, level="series"):
    """The best cosine of each vector with those of other patients, by brute force."""
    rows = Embedding.objects.filter(space=space, level=level)
    found = list(rows.values_list("vector", "study__patient_id"))
    vectors = np.array([row[0] for row in found], dtype=np.float64)
    patients = np.array([row[1] for row in found])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.where(patients[:, None] == patients[None, :], -np.inf, units @ units.T)
    return scores.max(axis=1)


def unlabelled_world(space, project, number=40, modality="CT", **options):
    world = make_labelled_world(space, project, patients=number, modality=modality, **options)
    Label.objects.all().delete()
    return world


def test_cut_without_labels_leaves_one_of_twenty_without_anything_close(space, project):
    unlabelled_world(space, project)

    assert calibrate_space(space, seed=1) == 4

    row = Calibration.objects.get(space=space, level="series", modality="CT")
    scores = nearest_scores(space)
    assert row.cut == pytest.approx(np.quantile(scores, 0.05), abs=2e-3)
    assert row.number_of_objects == 40
    assert len(row.nearest_quantiles) == 101
    np.testing.assert_allclose(
        row.nearest_quantiles, np.quantile(scores, np.linspace(0, 1, 101)), atol=2e-3
    )


def test_cut_with_labels_lies_within_its_bounds(space, project):
    make_labelled_world(space, project, patients=60, spread=0.5)

    calibrate_space(space, seed=1)

    row = Calibration.objects.get(space=space, level="series", modality="CT")
    usual, high = row.nearest_quantiles[5], row.nearest_quantiles[10]
    assert usual <= row.cut <= high


def test_labels_that_agree_everywhere_do_not_lower_the_cut(space, project):
    make_labelled_world(space, project, patients=60, spread=0.05)

    calibrate_space(space, seed=1)

    row = Calibration.objects.get(space=space, level="series", modality="CT")
    assert row.cut == row.nearest_quantiles[5]


def test_labels_without_any_precise_score_change_nothing(space, project):
    world = unlabelled_world(space, project)
    rng = np.random.default_rng(3)
    for series in world:
        label = str(rng.integers(0, 8))
        Label.objects.create(study=series.study, label_set="by chance", label=label)

    calibrate_space(space, seed=1)

    row = Calibration.objects.get(space=space, level="series", modality="CT")
    assert row.cut == pytest.approx(row.nearest_quantiles[5], abs=2e-3)


def test_few_objects_are_not_calibrated(space, project):
    unlabelled_world(space, project, number=LEAST_OBJECTS - 1)

    assert calibrate_space(space) == 0
    assert not Calibration.objects.exists()


def test_few_patients_are_not_calibrated(space, project):
    owner, rng = PatientFactory(), np.random.default_rng(0)
    for _ in range(LEAST_OBJECTS + 5):
        vector = rng.normal(size=DIMENSION)
        make_case(space, [vector], projects=[project], patient=owner)
    unlabelled_world(space, project, number=5)

    assert calibrate_space(space) == 0


def test_each_modality_has_its_own_cut_and_rare_ones_have_none(space, project):
    unlabelled_world(space, project, modality="CT", spread=0.1)
    unlabelled_world(space, project, modality="MR", spread=0.6, seed=1)
    unlabelled_world(space, project, number=5, modality="US", seed=2)

    calibrate_space(space, seed=1)

    cuts = dict(Calibration.objects.filter(level="series").values_list("modality", "cut"))
    assert set(cuts) == {"", "CT", "MR"}
    assert cuts["CT"] > cuts["MR"]


def test_what_is_no_longer_calibrated_is_forgotten(space, project):
    unlabelled_world(space, project)
    calibrate_space(space)
    Embedding.objects.filter(space=space, level="series").delete()

    calibrate_space(space)

    assert set(Calibration.objects.values_list("level", flat=True)) == {"instance"}


def test_refresh_measures_what_has_changed_by_a_tenth(space, project):
    assert refresh_stale_calibrations() == 0
    unlabelled_world(space, project)

    assert refresh_stale_calibrations() == 2
    assert refresh_stale_calibrations() == 0
    unlabelled_world(space, project, number=3, seed=4)
    assert refresh_stale_calibrations() == 0
    unlabelled_world(space, project, number=1, seed=5)
    assert refresh_stale_calibrations() == 2


def test_refresh_measures_each_day_anew_for_new_labels(space, project):
    unlabelled_world(space, project)
    refresh_stale_calibrations()
    Calibration.objects.update(created_at=timezone.now() - timedelta(days=2))

    assert refresh_stale_calibrations() == 2


def test_refresh_leaves_spaces_alone_that_do_not_answer(space, project):
    unlabelled_world(space, project)
    EmbeddingSpace.objects.update(state=EmbeddingSpace.State.FILLING)

    assert refresh_stale_calibrations() == 0


def test_scores_are_those_of_the_spaces_metric(project):
    space = make_space()
    EmbeddingSpace.objects.filter(pk=space.pk).update(metric="euclidean")
    space.refresh_from_db()
    unlabelled_world(space, project)

    calibrate_space(space, seed=1)

    row = Calibration.objects.get(space=space, level="series", modality="")
    found = list(
        Embedding.objects.filter(space=space, level="series").values_list("vector", flat=True)
    )
    vectors = np.array([np.asarray(one) for one in found], dtype=np.float64)
    distances = np.linalg.norm(vectors[:, None] - vectors[None, :], axis=2)
    np.fill_diagonal(distances, np.inf)
    scores = 1 / (1 + distances.min(axis=1))
    assert row.cut == pytest.approx(np.quantile(scores, 0.05), abs=2e-3)

"""A score is placed among random pairs of its space."""

import numpy as np
import pytest

from inference.similarity.quality.quantiles import (
    STEPS,
    level_quantiles,
    percentile_of,
    refresh_quantiles,
    refresh_stale_quantiles,
)
from inference.similarity.services import search_similar
from inference.similarity.types import SimilarQuery
from tests.builders.vectors import DIMENSION, make_case


def fill(space, project, count, rng, **options):
    return [
        make_case(space, [rng.normal(size=DIMENSION)], projects=[project], **options)
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("score", "percentile"),
    [(-1.0, 0.0), (0.0, 0.0), (0.25, 25.0), (0.5, 50.0), (0.75, 75.0), (1.0, 100.0), (1.5, 100.0)],
)
def test_percentile_of_interpolates(score, percentile):
    assert percentile_of(score, [0.0, 0.5, 1.0]) == percentile


@pytest.mark.parametrize("quantiles", [[], [0.5]])
def test_percentile_of_without_quantiles_is_unknown(quantiles):
    assert percentile_of(0.5, quantiles) is None


def test_percentile_of_equal_quantiles_is_defined():
    assert percentile_of(0.5, [0.5, 0.5, 0.5]) == 0.0
    assert percentile_of(0.6, [0.5, 0.5, 0.5]) == 100.0


@pytest.mark.django_db
def test_refresh_quantiles_measures_all_pairs_of_different_patients(space, project):
    series = fill(space, project, 12, np.random.default_rng(1))
    vectors = np.array([one.embeddings.get(level="series").vector for one in series])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = (units @ units.T)[np.triu_indices(12, k=1)]

    quantiles = refresh_quantiles(space)

    assert set(quantiles) == {"series", "instance"}
    assert len(quantiles["series"]) == STEPS + 1
    space.refresh_from_db()
    kept = level_quantiles(space, "series")
    assert kept == sorted(kept)
    np.testing.assert_allclose(kept, np.quantile(pairs, np.linspace(0, 1, STEPS + 1)), atol=1e-4)


@pytest.mark.django_db
def test_refresh_quantiles_leaves_pairs_of_one_patient_out(space, project):
    rng = np.random.default_rng(2)
    owner = fill(space, project, 1, rng)[0].study.patient
    fill(space, project, 11, rng, patient=owner)

    assert refresh_quantiles(space) == {}


@pytest.mark.django_db
def test_refresh_quantiles_draws_a_sample(space, project):
    fill(space, project, 12, np.random.default_rng(3))

    first = refresh_quantiles(space, sample_size=8, seed=1)

    assert refresh_quantiles(space, sample_size=8, seed=1) == first
    assert refresh_quantiles(space, sample_size=8, seed=2) != first


@pytest.mark.django_db
def test_refresh_stale_quantiles_measures_what_has_changed(space, project):
    assert refresh_stale_quantiles() == 0
    rng = np.random.default_rng(5)
    fill(space, project, 12, rng)

    assert refresh_stale_quantiles() == 1
    assert refresh_stale_quantiles() == 0
    fill(space, project, 1, rng)
    assert refresh_stale_quantiles() == 0
    fill(space, project, 1, rng)
    assert refresh_stale_quantiles() == 1


@pytest.mark.django_db
def test_level_quantiles_of_a_space_that_was_never_measured(space):
    assert level_quantiles(space, "series") == []


@pytest.mark.django_db
def test_results_carry_their_percentile(radiologist, space, project):
    series = fill(space, project, 12, np.random.default_rng(4))
    query = SimilarQuery(series=series[0].series_instance_uid)
    before = search_similar(radiologist, query).results

    refresh_quantiles(space)

    results = search_similar(radiologist, query).results
    assert {result.percentile for result in before} == {None}
    percentiles = [result.percentile for result in results]
    assert percentiles == sorted(percentiles, reverse=True)
    assert all(0 <= percentile <= 100 for percentile in percentiles)

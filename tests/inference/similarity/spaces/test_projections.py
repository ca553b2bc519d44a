"""Projected spaces: made from the vectors of another, without an image."""

from __future__ import annotations

import numpy as np
import pytest

from inference.models import EmbeddingSpace
from inference.pipelines.projection import fit_pca
from inference.similarity.spaces.embedder import embed_pictures, has_encoder
from inference.similarity.spaces.projections import (
    Fitted,
    project_new_vectors,
    project_series,
    projected_vectors,
    register_projected_space,
)
from inference.similarity.spaces.writing import store_embeddings
from inference.similarity.types import InstanceVector
from tests.builders.spaces import make_descriptor_space
from tests.builders.vectors import make_case, make_space

pytestmark = pytest.mark.django_db


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (30, 40), dtype=np.uint8)


def test_projected_space_embeds_pictures_through_its_base():
    base = make_descriptor_space(state="ready")
    rng = np.random.default_rng(2)
    vectors = np.abs(rng.normal(size=(40, 32))).astype(np.float32)
    matrix = fit_pca(vectors, 5)
    fitted = Fitted(matrix, 40, {})
    space = register_projected_space(base=base, kind="pca", fitted=fitted)

    (found,) = embed_pictures(space, [picture(1)])

    expected = matrix.apply(embed_pictures(base, [picture(1)]))[0]
    assert found.shape == (5,)
    assert np.allclose(found, expected, atol=1e-6)
    assert has_encoder(space)


def test_new_vectors_of_a_base_are_projected_at_once(project):
    base = make_space(dimension=8)
    rng = np.random.default_rng(2)
    fitted = Fitted(fit_pca(rng.normal(size=(40, 8)).astype(np.float32), 3), 40, {})
    space = register_projected_space(base=base, kind="pca", fitted=fitted)
    series = make_case(base, [rng.normal(size=8)], projects=[project])
    assert project_new_vectors(base, series.pk) == 0

    EmbeddingSpace.objects.filter(pk=space.pk).update(state="ready")

    assert project_new_vectors(base, series.pk) == 1
    assert sorted(space.embeddings.values_list("level", flat=True)) == ["instance", "series"]


def test_frames_are_projected_and_their_mean_taken_anew(project):
    base = make_space(dimension=8)
    rng = np.random.default_rng(2)
    fitted = Fitted(fit_pca(rng.normal(size=(40, 8)).astype(np.float32), 3), 40, {})
    space = register_projected_space(base=base, kind="pca", fitted=fitted)
    series = make_case(base, [rng.normal(size=8)], projects=[project])
    instance = series.instances.get()
    frames = [
        InstanceVector(instance_id=instance.pk, frame=number, vector=rng.normal(size=8))
        for number in (1, 2)
    ]
    store_embeddings(space=base, vectors=frames)

    project_series(space, [series.pk])

    by_level = {
        (row.level, row.frame): np.asarray(row.vector, dtype=np.float32)
        for row in space.embeddings.all()
    }
    mean = by_level["frame", 1] + by_level["frame", 2]
    assert np.allclose(by_level["instance", None], mean / np.linalg.norm(mean), atol=2e-3)


def test_what_is_nothing_but_the_mean_has_a_direction_still():
    rows = np.tile(np.eye(8, dtype=np.float32)[0], (5, 1))
    matrix = fit_pca(rows, 3)

    found = projected_vectors(matrix, rows[:2])

    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert np.array_equal(found[0], found[1])

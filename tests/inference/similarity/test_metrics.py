"""Every metric orders, scores and stores as its name says: exactly and through its index."""

from __future__ import annotations

import numpy as np
import pytest

from inference.models import Embedding, EmbeddingSpace
from inference.similarity import metrics
from inference.similarity.planning import SearchLimits
from inference.similarity.realms import reconcile_realms
from inference.similarity.services import search_similar
from inference.similarity.spaces.registry import index_name
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector, ScoreKind, SimilarQuery
from tests.builders.vectors import DIMENSION, make_case, make_space

pytestmark = pytest.mark.django_db

METRICS = list(EmbeddingSpace.Metric.values)


def truth(metric: str, left: np.ndarray, right: np.ndarray) -> float:
    a, b = left.astype(np.float64), right.astype(np.float64)
    if metric == "euclidean":
        return float(1 / (1 + np.linalg.norm(a - b)))
    if metric == "inner_product":
        return float(a @ b)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def random_vectors(metric: str, count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    if metric == "bhattacharyya":
        return [np.sqrt(rng.dirichlet(np.ones(DIMENSION))) for _ in range(count)]
    return [rng.normal(size=DIMENSION) * rng.uniform(0.5, 2) for _ in range(count)]


def space_of(metric: str) -> EmbeddingSpace:
    space = make_space()
    if metric != space.metric:
        from inference.similarity.spaces.registry import drop_space_index, ensure_space_indexes

        drop_space_index(space)
        space.metric = metric
        space.save()
        ensure_space_indexes(space)
    return space


@pytest.mark.parametrize("exact_rows", [1000, 3], ids=["exact", "index"])
@pytest.mark.parametrize("metric", METRICS)
def test_answers_are_those_of_the_metric(radiologist, project, metric, exact_rows):
    space = space_of(metric)
    cases = [make_case(space, [v], projects=[project]) for v in random_vectors(metric, 30)]
    stored = {row.series_id: row.vector for row in Embedding.objects.filter(level="series")}
    vectors = {key: np.asarray(value) for key, value in stored.items()}
    asked = cases[0]
    reconcile_realms(least_rows=1)

    answer = search_similar(
        radiologist,
        SimilarQuery(series=asked.series_instance_uid, k=20),
        limits=SearchLimits(exact_rows=exact_rows),
    )

    scores = {c.series_instance_uid: truth(metric, vectors[c.pk], vectors[asked.pk]) for c in cases}
    del scores[asked.series_instance_uid]
    expected = sorted(scores.values(), reverse=True)[:20]
    assert answer.exact == (exact_rows == 1000)
    assert [r.score for r in answer.results] == pytest.approx(expected, abs=2e-5)
    assert all(r.score == pytest.approx(scores[r.series_uid], abs=2e-5) for r in answer.results)
    assert {r.score_kind for r in answer.results} == {ScoreKind(metric)}


@pytest.mark.parametrize("metric", METRICS)
def test_index_has_the_operator_class_of_the_metric(metric):
    from django.db import connection

    space = space_of(metric)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef(to_regclass(%s))", [index_name(space, "series")])
        assert metrics.opclass(metric) in cursor.fetchone()[0]


@pytest.mark.parametrize("metric", METRICS)
def test_vector_keeps_its_length_where_that_carries_meaning(project, metric):
    space = space_of(metric)
    case = make_case(space, [np.full(DIMENSION, 2.0)], projects=[project])

    (row,) = Embedding.objects.filter(level="series", series=case)

    length = 1.0 if metrics.is_normalised(metric) else 2.0 * np.sqrt(DIMENSION)
    assert np.linalg.norm(row.vector) == pytest.approx(length, rel=1e-3)


def test_series_vector_of_a_euclidean_space_is_the_plain_mean(project):
    space = space_of("euclidean")
    low, high = np.zeros(DIMENSION), np.full(DIMENSION, 4.0)

    case = make_case(space, [low, high], projects=[project])

    (row,) = Embedding.objects.filter(level="series", series=case)
    np.testing.assert_allclose(row.vector, np.full(DIMENSION, 2.0))


def test_vector_beyond_half_precision_is_refused(project):
    from inference.similarity.errors import InvalidVectorError

    space = space_of("inner_product")
    case = make_case(space, [np.ones(DIMENSION)], projects=[project])
    instance = case.instances.get()
    huge = InstanceVector(instance_id=instance.pk, vector=np.full(DIMENSION, 1e6))

    with pytest.raises(InvalidVectorError):
        store_embeddings(space=space, vectors=[huge])
    assert refresh_series_embedding(space=space, series_id=case.pk)


@pytest.mark.parametrize(
    ("metric", "distance", "score"),
    [
        ("cosine", 0.25, 0.75),
        ("cosine", 2.5, -1.0),
        ("bhattacharyya", 1.1, 0.0),
        ("euclidean", 0.0, 1.0),
        ("euclidean", 3.0, 0.25),
        ("inner_product", -7.0, 7.0),
    ],
)
def test_score_of(metric, distance, score):
    assert metrics.score_of(metric, distance) == score

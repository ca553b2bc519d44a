"""Vectors are written once an object, and only such as have a direction."""

import numpy as np
import pytest

from inference.models import Embedding
from inference.similarity.errors import InvalidVectorError
from inference.similarity.spaces.writing import (
    delete_embeddings,
    refresh_series_embedding,
    store_embeddings,
)
from inference.similarity.types import InstanceVector
from tests.builders.vectors import DIMENSION, direction, make_case, make_space
from tests.factories.archive import InstanceFactory, SeriesFactory

pytestmark = pytest.mark.django_db


def rows(level: str) -> list[Embedding]:
    return list(Embedding.objects.filter(level=level).order_by("instance_id", "frame"))


def test_store_embeddings_again_replaces_the_vector():
    space, instance = make_space(), InstanceFactory()
    first = InstanceVector(instance_id=instance.pk, vector=direction(0))
    second = InstanceVector(instance_id=instance.pk, vector=direction(1))

    assert store_embeddings(space=space, vectors=[first]) == 1
    assert store_embeddings(space=space, vectors=[second]) == 1

    (row,) = rows("instance")
    np.testing.assert_allclose(row.vector, direction(1), atol=1e-3)
    assert (row.series_id, row.study_id) == (instance.series_id, instance.series.study_id)


def test_store_embeddings_of_one_object_twice_in_a_call_keeps_the_last():
    space, instance = make_space(), InstanceFactory()
    twice = [InstanceVector(instance_id=instance.pk, vector=direction(a)) for a in (0, 1)]

    assert store_embeddings(space=space, vectors=twice) == 1

    np.testing.assert_allclose(rows("instance")[0].vector, direction(1), atol=1e-3)


def test_store_embeddings_normalises():
    space, instance = make_space(), InstanceFactory()
    long = InstanceVector(instance_id=instance.pk, vector=direction(0.5) * 1000)

    store_embeddings(space=space, vectors=[long])

    assert np.linalg.norm(rows("instance")[0].vector) == pytest.approx(1, abs=1e-3)


def test_store_embeddings_of_frames_gives_the_instance_their_mean():
    space, instance = make_space(), InstanceFactory(number_of_frames=2)
    frames = [
        InstanceVector(instance_id=instance.pk, frame=number, vector=direction(angle))
        for number, angle in ((1, 0.0), (2, 1.0))
    ]

    assert store_embeddings(space=space, vectors=frames) == 3

    assert [row.frame for row in rows("frame")] == [1, 2]
    np.testing.assert_allclose(rows("instance")[0].vector, direction(0.5), atol=1e-3)


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(DIMENSION),
        np.full(DIMENSION, np.nan),
        np.array([np.inf] + [0.0] * (DIMENSION - 1)),
        np.ones(DIMENSION + 1),
        np.ones((1, DIMENSION)),
    ],
    ids=["zero", "nan", "infinite", "longer", "nested"],
)
def test_store_embeddings_without_direction_refuses_all(vector):
    space, good, bad = make_space(), InstanceFactory(), InstanceFactory()
    vectors = [
        InstanceVector(instance_id=good.pk, vector=direction(0)),
        InstanceVector(instance_id=bad.pk, vector=vector),
    ]

    with pytest.raises(InvalidVectorError):
        store_embeddings(space=space, vectors=vectors)

    assert not Embedding.objects.exists()


def test_store_embeddings_of_unknown_instance_is_refused():
    space = make_space()

    with pytest.raises(InvalidVectorError):
        store_embeddings(
            space=space, vectors=[InstanceVector(instance_id=12345, vector=direction(0))]
        )


def test_store_embeddings_of_nothing_writes_nothing():
    assert store_embeddings(space=make_space(), vectors=[]) == 0


def test_refresh_series_embedding_is_the_direction_of_the_mean(project):
    space = make_space()

    make_case(space, [direction(0.0), direction(0.2), direction(1.0)], projects=[project])

    mean = np.mean([direction(0.0), direction(0.2), direction(1.0)], axis=0)
    np.testing.assert_allclose(rows("series")[0].vector, mean / np.linalg.norm(mean), atol=1e-3)


def test_refresh_series_embedding_of_opposite_slices_has_no_direction(project):
    space = make_space()
    series = make_case(space, [direction(0.0)], projects=[project])
    opposite = InstanceFactory(series=series)
    store_embeddings(
        space=space, vectors=[InstanceVector(instance_id=opposite.pk, vector=-direction(0.0))]
    )

    assert refresh_series_embedding(space=space, series_id=series.pk) is False

    assert rows("series") == []


def test_refresh_series_embedding_without_vectors_writes_nothing():
    assert refresh_series_embedding(space=make_space(), series_id=SeriesFactory().pk) is False


def test_delete_embeddings_leaves_other_spaces_alone(project):
    space, other = make_space(), make_space(is_default=False)
    series = make_case(space, [direction(0)], projects=[project])
    instance = series.instances.get()
    store_embeddings(
        space=other, vectors=[InstanceVector(instance_id=instance.pk, vector=direction(0))]
    )

    assert delete_embeddings(space=space, series_id=series.pk) == 2

    assert {row.space_id for row in Embedding.objects.all()} == {other.pk}

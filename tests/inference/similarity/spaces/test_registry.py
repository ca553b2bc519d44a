"""A space has its indexes, and one space is the default."""

import pytest
from django.db import DataError, connection

from inference.models import Embedding, EmbeddingSpace
from inference.similarity.errors import InvalidVectorError, UnknownSpaceError
from inference.similarity.spaces.registry import (
    STORED_LEVELS,
    drop_space_index,
    ensure_space_indexes,
    find_space,
    index_name,
    reconcile_indexes,
    register_space,
)
from tests.builders.vectors import make_space
from tests.factories.archive import InstanceFactory
from tests.factories.inference import ModelVersionFactory


def index_definitions() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'embedding_hnsw_%'"
        )
        return dict(cursor.fetchall())


@pytest.mark.django_db
def test_register_space_makes_a_partial_index_a_level():
    space = make_space(dimension=384)

    definitions = index_definitions()

    own = {name for name in definitions if f"_{space.pk}_" in name}
    assert own == {index_name(space, level) for level in STORED_LEVELS}
    for level in STORED_LEVELS:
        definition = definitions[index_name(space, level)]
        assert "USING hnsw" in definition
        assert "(vector)::halfvec(384)) halfvec_cosine_ops" in definition
        assert f"(space_id = {space.pk})" in definition
        assert f"'{level}'" in definition


@pytest.mark.django_db
def test_register_space_again_changes_nothing():
    version = ModelVersionFactory(name="net", version="2")
    first = register_space(version, dimension=8, is_default=True)

    second = register_space(version, dimension=8, is_default=True)

    assert (first.pk, first.name) == (second.pk, "net-2")
    assert ensure_space_indexes(second) == []


@pytest.mark.django_db
def test_register_space_as_default_takes_it_from_the_former():
    first, second = make_space(), make_space()

    first.refresh_from_db()

    assert (first.is_default, second.is_default) == (False, True)
    assert find_space() == second


@pytest.mark.django_db
@pytest.mark.parametrize("dimension", [0, 4001])
def test_register_space_that_no_index_can_hold_is_refused(dimension):
    with pytest.raises(InvalidVectorError):
        register_space(ModelVersionFactory(), dimension=dimension)


@pytest.mark.django_db
def test_register_space_with_another_dimension_is_refused():
    version = ModelVersionFactory()
    register_space(version, dimension=8)

    with pytest.raises(InvalidVectorError):
        register_space(version, dimension=9)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", "no such space", "\x00"])
def test_find_space_that_is_not_there_names_the_field(name):
    with pytest.raises(UnknownSpaceError) as caught:
        find_space(name)

    assert caught.value.field == "space"


@pytest.mark.django_db
def test_reconcile_indexes_makes_what_is_missing_and_drops_what_is_orphaned():
    space, gone = make_space(), make_space()
    drop_space_index(space)
    EmbeddingSpace.objects.filter(pk=gone.pk).delete()

    made = reconcile_indexes()

    assert sorted(made) == sorted(index_name(space, level) for level in STORED_LEVELS)
    assert set(index_definitions()) == set(made)


@pytest.mark.django_db(transaction=True)
def test_ensure_space_indexes_replaces_what_a_failed_build_left():
    space = make_space()
    name = index_name(space, "instance")
    drop_space_index(space)
    instance = InstanceFactory()
    misfit = Embedding.objects.create(
        space=space,
        level="instance",
        study=instance.series.study,
        series=instance.series,
        instance=instance,
        vector=[1.0, 2.0],
    )
    with pytest.raises(DataError):
        ensure_space_indexes(space)
    assert is_valid(name) is False

    misfit.delete()

    assert name in ensure_space_indexes(space)
    assert is_valid(name) is True
    drop_space_index(space)
    assert not {index_name(space, level) for level in STORED_LEVELS} & set(index_definitions())


def is_valid(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", [name])
        return cursor.fetchone()[0]

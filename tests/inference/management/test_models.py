from __future__ import annotations

import pytest

from inference.models import EmbeddingSpace, ModelVersion
from tests.builders.spaces import make_descriptor_space
from tests.builders.vectors import make_space
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def old():
    return make_space()


@pytest.fixture
def new():
    return make_descriptor_space(state=EmbeddingSpace.State.READY)


def test_promote_a_model_of_vectors_searches_its_space(run, old, new):
    ran = run("models", "promote", new.name, "--reason", "measured")

    assert f"{new.name} is searched by default, {old.name} before" in ran.out
    assert EmbeddingSpace.objects.get(is_default=True) == new
    assert new.promotions.get().reason == "measured"


def test_promote_a_space_that_is_not_ready_is_one_sentence(run, old):
    space = make_descriptor_space()

    ran = run("models", "promote", space.name)

    assert str(ran.error) == f"The space {space.name} is not ready: not filled."


def test_promote_any_other_model_lets_it_run(run):
    version = ModelVersionFactory(state=ModelVersion.State.DRAFT)

    assert f"{version} promoted" in run("models", "promote", version.name).out
    version.refresh_from_db()
    assert version.state == ModelVersion.State.ACTIVE


def test_rollback_goes_back(run, old, new):
    run("models", "promote", new.name)

    assert f"{old.name} is searched by default again" in run("models", "rollback").out
    assert EmbeddingSpace.objects.get(is_default=True) == old


def test_retire_takes_the_space_with_it(run, old, new):
    assert f"{new.name} retired" in run("models", "retire", new.name).out

    new.refresh_from_db()
    assert new.state == EmbeddingSpace.State.RETIRED
    assert new.model_version.__class__.objects.get(pk=new.model_version_id).state == "retired"


def test_spaces_are_listed_with_where_they_come_from(run, old, new):
    said = run("models", "spaces").out

    assert f"{old.name}  ready  default  0 images" in said
    assert f"weights {new.weights_digest}" in said

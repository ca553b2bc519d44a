from __future__ import annotations

from pathlib import Path

import pytest

from inference.bundles.trust import digest_bundle
from inference.models import EmbeddingSpace, ModelVersion
from tests.builders.bundles import make_threshold_bundle
from tests.builders.declared_bundles import make_declared_bundle
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


@pytest.fixture
def models_dir(settings, tmp_path):
    settings.TWINSIGHT_MODELS_DIR = str(tmp_path / "models")
    return tmp_path / "models"


def test_install_by_name_from_a_local_folder_pinned_by_its_digest(run, models_dir, tmp_path):
    bundle = make_declared_bundle(tmp_path / "small", weights="model.onnx")
    digest = digest_bundle(bundle)

    refused = run("models", "install", "small", "--source", bundle, "--sha256", "0" * 64)
    assert str(refused.error) == f"The bundle's digest is {digest}, not the one asked for."
    ran = run("models", "install", "small", "--source", bundle, "--sha256", digest)

    assert f"small 1.0.0  {digest}  not trusted, draft" in ran.out
    assert "tried on a phantom: [1, 1, 64, 64, 48] to [1, 2, 64, 64, 48]" in ran.out
    version = ModelVersion.objects.get(name="small")
    assert version.source == str(bundle)
    assert digest_bundle(Path(version.bundle_path)) == digest

    assert "only reviewers see it" in run("models", "shadow", "small").out
    assert "small 1.0.0 promoted" in run("models", "promote", "small", "--reason", "ok").out
    assert "small 1.0.0 retired" in run("models", "retire", "small").out


def test_a_bundle_with_code_waits_for_trust(run, models_dir, tmp_path):
    bundle = make_threshold_bundle(tmp_path / "coded", threshold=500)

    ran = run("models", "register", bundle)

    assert "needs trust: scripts/threshold.py is code." in ran.out
    assert f"manage.py models trust coded {digest_bundle(bundle)}" in ran.out
    assert "coded 1.0.0  segment  draft  needs trust" in run("models", "list").out
    assert "is not trusted" in str(run("models", "promote", "coded").error)
    assert "is not trusted" in str(run("models", "shadow", "coded").error)

    trusted = run("models", "trust", "coded", digest_bundle(bundle))
    assert "coded 1.0.0 trusted" in trusted.out
    assert "coded 1.0.0 promoted" in run("models", "promote", "coded").out


def test_install_of_what_is_not_there_is_one_sentence(run, models_dir):
    ran = run("models", "install", "small", "--source", "/absent")
    assert str(ran.error) == "There is no /absent here, and it is no https address."


def test_a_model_of_vectors_has_no_shadow(run, old):
    ran = run("models", "shadow", old.model_version.name)
    assert "has no shadow" in str(ran.error)

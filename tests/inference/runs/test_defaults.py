"""What an installation has out of the box, and what happens to it with other weights."""

from __future__ import annotations

import shutil

import pytest

from inference.bundles.embedder import ensure_embedder
from inference.models import EmbeddingSpace, ModelVersion
from inference.pipelines.descriptors import DESCRIPTORS
from inference.pipelines.embedding import PREPROCESSING_VERSION, SPACE_NAME
from inference.runs.defaults import EMBEDDERS, are_defaults_installed, install_defaults
from inference.similarity.spaces import are_indexes_valid

pytestmark = pytest.mark.django_db

LEARNED = [model.name for model, _ in EMBEDDERS]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Every embedder of the distribution, exported once."""
    folder = tmp_path_factory.mktemp("exported")
    for model, _ in EMBEDDERS:
        ensure_embedder(folder, model.name)
    return folder


@pytest.fixture
def models_dir(settings, tmp_path, exported):
    """The models folder of an installation that has the embedders already."""
    folder = tmp_path / "models"
    shutil.copytree(exported, folder)
    settings.TWINSIGHT_MODELS_DIR = folder
    return folder


def spaces():
    return {space.name: space for space in EmbeddingSpace.objects.select_related("model_version")}


def test_learned_space_is_the_default_and_descriptors_wait(models_dir):
    assert not are_defaults_installed()

    install_defaults()

    found = spaces()
    assert set(found) == {*LEARNED, *DESCRIPTORS}
    assert [name for name in found if found[name].is_default] == LEARNED[:1]
    for name in LEARNED:
        assert found[name].state == "ready"
        assert found[name].preprocessing_version == PREPROCESSING_VERSION
        assert len(found[name].weights_digest) == 64
    for name in DESCRIPTORS:
        assert found[name].state == "registered"
        assert found[name].metric == DESCRIPTORS[name].metric
        assert not are_indexes_valid(found[name])
    assert are_defaults_installed()


def test_installing_again_changes_nothing(models_dir):
    install_defaults()
    before = EmbeddingSpace.objects.values_list("pk", "weights_digest", "state")
    rows = list(before)

    install_defaults()

    assert list(before.all()) == rows


def test_another_export_of_the_same_weights_is_the_same_space(models_dir):
    install_defaults()
    learned = spaces()[SPACE_NAME]
    (file,) = models_dir.glob(f"{SPACE_NAME}-*.onnx")
    ModelVersion.objects.filter(pk=learned.model_version_id).update(
        digest="0" * 64, bundle_path="gone.onnx"
    )

    install_defaults()

    found = spaces()
    assert set(found) == {*LEARNED, *DESCRIPTORS}
    assert found[SPACE_NAME].weights_digest == learned.weights_digest
    assert found[SPACE_NAME].model_version.bundle_path == str(file)


def test_other_weights_are_another_space_beside_the_old_one(models_dir):
    install_defaults()
    old = spaces()[SPACE_NAME]
    (file,) = models_dir.glob(f"{SPACE_NAME}-*.onnx")
    file.with_suffix(".weights").write_text("f" * 64)

    install_defaults()

    (beside,) = (space for name, space in spaces().items() if name.startswith(f"{SPACE_NAME}-"))
    assert (beside.state, beside.is_default) == ("registered", False)
    assert beside.weights_digest == "f" * 64
    assert beside.model_version_id != old.model_version_id
    kept = spaces()[SPACE_NAME]
    assert kept.weights_digest == old.weights_digest
    assert EmbeddingSpace.objects.get(is_default=True).name == LEARNED[0]


def test_a_site_that_promoted_another_space_keeps_it(models_dir):
    install_defaults()
    EmbeddingSpace.objects.update(is_default=False)
    EmbeddingSpace.objects.filter(name="texture-v1").update(is_default=True, state="ready")

    install_defaults()

    assert EmbeddingSpace.objects.get(is_default=True).name == "texture-v1"

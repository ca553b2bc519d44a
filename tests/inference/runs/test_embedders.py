"""An embedder from elsewhere: registered, with a space of its own, and run."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from archive.audit.types import Asker
from inference.bundles.registry import register_bundle
from inference.errors import BundleInvalidError, ModelUnavailableError
from inference.models import Embedding, EmbeddingSpace, ModelVersion, Run
from inference.runs.embedders import give_space
from inference.similarity.spaces.embedder import embed_pictures
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.nodule_case import run_once
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
GRID = 4


def make_embedder_bundle(folder, *, side=224, task="embed"):
    """Write a bundle whose network answers means of 4 by 4 places in each channel: 48 numbers."""
    for name in ("configs", "models"):
        (folder / name).mkdir(parents=True)
    steps = [
        helper.make_node("AveragePool", ["image"], ["pooled"], **_pooling(side)),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, side, side])
    vector = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3 * GRID**2])
    graph = helper.make_graph(steps, "places", [image], [vector])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(folder / "models" / "model.onnx"))
    metadata = {
        "version": "3.1",
        "name": "places",
        "network_data_format": {
            "inputs": {"image": {"num_channels": 3, "spatial_shape": [side, side]}},
            "outputs": {"pred": {"num_channels": 3 * GRID**2}},
        },
        "twinsight": {"task": task, "pipeline": "embedder", "weights": "models/model.onnx"},
    }
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    return folder


def _pooling(side):
    return {"kernel_shape": [side // GRID] * 2, "strides": [side // GRID] * 2}


@pytest.fixture
def register(tmp_path, settings):
    settings.TWINSIGHT_MODELS_DIR = tmp_path / "models"

    def registered(bundle):
        return register_bundle(
            asker=Asker(door="test"),
            bundle_dir=bundle,
            models_dir=tmp_path / "models",
            name="places",
        )

    return registered


def test_its_vectors_fill_a_space_of_their_own_length(register, tmp_path, project):
    version = register(make_embedder_bundle(tmp_path / "places"))
    space = give_space(version)
    assert (space.name, space.dimension, space.state) == ("places-3.1", 48, "registered")
    assert give_space(version) == space
    series = store_datasets(*make_ct_series(chest_phantom()[28:30]), project=project)[0].series

    run = run_once(version, series)

    assert run.state == Run.State.SUCCEEDED
    rows = Embedding.objects.filter(space=space)
    assert sorted(rows.values_list("level", flat=True)) == ["instance", "instance", "series"]
    lengths = [np.linalg.norm(np.asarray(row.vector)) for row in rows]
    assert lengths == pytest.approx([1.0] * 3, abs=1e-3)


def test_another_file_in_its_place_embeds_nothing(register, tmp_path):
    version = register(make_embedder_bundle(tmp_path / "places"))
    space = give_space(version)
    (network,) = (tmp_path / "models").rglob("model.onnx")
    network.chmod(0o600)
    network.write_bytes(network.read_bytes() + b"\x00")

    with pytest.raises(ModelUnavailableError, match="not the one that was registered"):
        embed_pictures(space, [np.zeros((8, 8), dtype=np.uint8)])


@pytest.mark.parametrize(("side", "task"), [(128, "embed"), (224, "classify")])
def test_what_web_processes_cannot_run_is_refused(register, tmp_path, side, task):
    with pytest.raises(BundleInvalidError, match="3 channels of 224 by 224"):
        register(make_embedder_bundle(tmp_path / "places", side=side, task=task))
    assert not ModelVersion.objects.exists()


def test_other_models_get_no_space(db):
    assert give_space(ModelVersion(pipeline="bundle", checks={"passed": True})) is None
    assert not EmbeddingSpace.objects.exists()

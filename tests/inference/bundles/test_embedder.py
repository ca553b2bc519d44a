import threading

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from inference.bundles import embedder as embedder_module
from inference.bundles.embedder import ensure_embedder, export_embedder
from inference.pipelines.embedding import (
    LEVELS_SPACE_NAME,
    SPACE_NAME,
    find_embedder,
    preprocess,
)


def test_export_embedder_is_reproducible(embedder_path, tmp_path):
    assert export_embedder(tmp_path).name == embedder_path.name


def test_export_embedder_holds_its_weights_and_leaves_no_other_file(embedder_path):
    assert 5_000_000 < embedder_path.stat().st_size < 7_000_000
    assert [path.name for path in embedder_path.parent.iterdir()] == [embedder_path.name]
    onnx.checker.check_model(onnx.load(embedder_path))


def test_ensure_embedder_takes_what_is_there(embedder_path):
    before = embedder_path.stat().st_mtime_ns
    assert ensure_embedder(embedder_path.parent) == embedder_path
    assert embedder_path.stat().st_mtime_ns == before


def test_ensure_embedder_replaces_a_damaged_file(embedder_path, tmp_path):
    damaged = tmp_path / embedder_path.name
    damaged.write_bytes(embedder_path.read_bytes()[:1000])
    assert ensure_embedder(tmp_path) == damaged
    assert find_embedder(tmp_path) == damaged


def test_ensure_embedder_from_two_threads_leaves_one_whole_file(tmp_path, embedder_path):
    threads = [threading.Thread(target=ensure_embedder, args=(tmp_path,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in tmp_path.iterdir()] == [embedder_path.name]


@pytest.mark.parametrize(
    ("space", "fixture"), [(SPACE_NAME, "embedder"), (LEVELS_SPACE_NAME, "levels_embedder")]
)
def test_embedder_answers_as_the_pytorch_network(space, fixture, request):
    embedder = request.getfixturevalue(fixture)
    random = np.random.default_rng(1)
    images = [
        preprocess(np.asarray(Image.fromarray(random.integers(0, 255, (8, 8), dtype=np.uint8))))
        for _ in range(3)
    ]
    with torch.no_grad():
        vectors, patches = embedder_module._build_network(space)(torch.from_numpy(np.stack(images)))
    assert np.abs(embedder.embed(images) - vectors.numpy()).max() < 1e-5
    assert np.abs(embedder.embed_patches(images) - patches.numpy()).max() < 1e-5


def test_ensure_embedder_exports_again_beside_a_file_without_patches(embedder_path, tmp_path):
    older = tmp_path / embedder_path.name.replace("-patches", "")
    older.write_bytes(embedder_path.read_bytes())
    assert find_embedder(tmp_path) is None
    assert ensure_embedder(tmp_path).name == embedder_path.name
    assert older.exists()


def test_embedders_of_two_spaces_lie_side_by_side(embedder_path, levels_path, tmp_path):
    for path in (embedder_path, levels_path):
        (tmp_path / path.name).write_bytes(path.read_bytes())

    assert find_embedder(tmp_path).name == embedder_path.name
    assert find_embedder(tmp_path, LEVELS_SPACE_NAME).name == levels_path.name
    assert ensure_embedder(tmp_path, LEVELS_SPACE_NAME).name == levels_path.name


def test_the_top_layer_keeps_its_strongest_directions(levels_path):
    stored = onnx.load(levels_path).graph.initializer
    (directions,) = [
        found for one in stored if (found := onnx.numpy_helper.to_array(one)).shape == (1280, 192)
    ]
    assert np.allclose(directions.T @ directions, np.eye(192), atol=1e-4)

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from inference.errors import BundleInvalidError, UnsupportedInputError
from inference.pipelines.embedding import (
    LEVELS_BLOCKS,
    LEVELS_DIMENSION,
    OnnxEmbedder,
    embedder_file_name,
    file_digest,
    find_embedder,
    mean_vector,
    preprocess,
    spread_indices,
)

BLACK = (np.zeros(3) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


def picture(rows, columns, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, columns), dtype=np.uint8)


def read_grey(path):
    with Image.open(path) as opened:
        return np.asarray(opened.convert("L"))


def test_preprocess_letterboxes_wide_image_in_the_middle():
    tensor = preprocess(np.full((100, 200), 255, dtype=np.uint8))

    assert tensor.shape == (3, 224, 224)
    assert tensor.dtype == np.float32
    assert np.allclose(tensor[:, 55, :], BLACK[:, np.newaxis], atol=1e-5)
    assert np.allclose(tensor[:, 168, :], BLACK[:, np.newaxis], atol=1e-5)
    white = (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    assert np.allclose(tensor[:, 56:168, :], white[:, np.newaxis, np.newaxis], atol=1e-5)


def test_preprocess_of_equal_channels_equals_grey():
    grey = picture(64, 48)
    assert np.allclose(preprocess(grey), preprocess(np.stack([grey] * 3, axis=-1)), atol=0.02)


def test_preprocess_keeps_one_pixel_lines_of_extreme_images():
    assert preprocess(np.zeros((1, 5000), dtype=np.uint8)).shape == (3, 224, 224)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), dtype=np.uint16),
        np.zeros((4, 4, 4), dtype=np.uint8),
        np.zeros((0, 4), dtype=np.uint8),
        np.zeros(4, dtype=np.uint8),
    ],
)
def test_preprocess_refuses_what_is_no_display_image(image):
    with pytest.raises(UnsupportedInputError):
        preprocess(image)


def test_embed_gives_unit_vectors_that_do_not_depend_on_the_batch(embedder):
    images = [preprocess(picture(50, 70, seed)) for seed in range(3)]

    together = embedder.embed(images)
    alone = np.concatenate([embedder.embed([image]) for image in images])

    assert together.shape == (3, 384)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.allclose(together, alone, atol=1e-5)


def test_embed_of_halves_is_mean_and_deviation_each_of_equal_weight(embedder):
    vector = embedder.embed([preprocess(picture(50, 70))])[0]
    assert np.linalg.norm(vector[:192]) == pytest.approx(np.sqrt(0.5), abs=1e-5)
    assert (vector[192:] >= 0).all()


def test_embed_of_nothing_is_empty(embedder):
    assert embedder.embed([]).shape == (0, 384)


def test_embed_refuses_other_shapes(embedder):
    with pytest.raises(UnsupportedInputError):
        embedder.embed(np.zeros((1, 3, 100, 100), dtype=np.float32))


def test_patches_are_unit_vectors_on_a_grid_over_the_input(embedder):
    patches = embedder.embed_patches([preprocess(picture(50, 70, seed)) for seed in range(2)])

    assert embedder.has_patches
    assert patches.shape[:3] == (2, 14, 14)
    assert np.allclose(np.linalg.norm(patches, axis=-1), 1, atol=1e-5)


def test_patches_of_other_shapes_are_refused(embedder):
    with pytest.raises(UnsupportedInputError):
        embedder.embed_patches(np.zeros((1, 3, 100, 100), dtype=np.float32))


def test_same_image_at_other_brightness_is_nearer_than_another_image(embedder, shared_data):
    chest, brain = (
        read_grey(min((shared_data / "retrieval" / label).iterdir()))
        for label in ("cxr_no_finding", "mr_brain_glioma")
    )
    darker = (chest * 0.8).astype(np.uint8)

    vectors = embedder.embed([preprocess(image) for image in (chest, darker, brain)])

    assert vectors[0] @ vectors[1] > 0.95
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


def test_levels_are_side_by_side_and_of_one_length(levels_embedder):
    vectors = levels_embedder.embed([preprocess(picture(50, 70, seed)) for seed in range(2)])

    assert levels_embedder.dimension == LEVELS_DIMENSION == vectors.shape[1] == 768
    blocks = np.split(vectors, np.cumsum(LEVELS_BLOCKS)[:-1], axis=1)
    lengths = [np.linalg.norm(block, axis=1) for block in blocks]
    assert np.allclose(lengths, np.sqrt(0.2), atol=1e-5)


def test_levels_of_the_mirror_image_are_the_same(levels_embedder):
    image = picture(224, 224)
    vectors = levels_embedder.embed([preprocess(image), preprocess(image[:, ::-1].copy())])
    assert vectors[0] @ vectors[1] > 0.9999


def test_levels_have_patches_as_the_smaller_embedder(levels_embedder, embedder):
    image = [preprocess(picture(60, 60))]
    ours, others = levels_embedder.embed_patches(image), embedder.embed_patches(image)
    assert np.allclose(ours, others, atol=1e-4)


def test_no_images_give_no_vectors(levels_embedder):
    assert levels_embedder.embed([]).shape == (0, LEVELS_DIMENSION)


def test_embedder_says_its_device(embedder):
    assert embedder.device in {"cpu", "cuda"}


def test_embedder_of_damaged_file_is_refused(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(BundleInvalidError):
        OnnxEmbedder(path)


def test_find_embedder_ignores_a_file_whose_bytes_changed(embedder_path, tmp_path):
    assert find_embedder(tmp_path) is None
    copy = tmp_path / embedder_path.name
    copy.write_bytes(embedder_path.read_bytes())
    assert find_embedder(tmp_path) == copy
    assert copy.name == embedder_file_name(file_digest(copy))

    copy.write_bytes(embedder_path.read_bytes()[:-1])
    assert find_embedder(tmp_path) is None


def test_mean_vector_has_length_one_and_the_direction_of_the_mean():
    vectors = np.eye(384, dtype=np.float32)[:2]
    mean = mean_vector(vectors)
    assert np.linalg.norm(mean) == pytest.approx(1)
    assert mean[0] == pytest.approx(mean[1])


def test_mean_vector_of_nothing_is_refused():
    with pytest.raises(UnsupportedInputError):
        mean_vector(np.zeros((0, 384), dtype=np.float32))


@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [(0, 8, []), (3, 8, [0, 1, 2]), (8, 8, list(range(8))), (100, 4, [12, 37, 62, 87])],
)
def test_spread_indices(count, limit, expected):
    assert spread_indices(count, limit) == expected


def test_module_leaves_torch_and_monai_out_of_the_process():
    code = (
        "import sys, inference.pipelines.embedding, inference.pipelines.classification;"
        "sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

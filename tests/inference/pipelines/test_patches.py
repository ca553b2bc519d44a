import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from inference.errors import UnsupportedInputError
from inference.pipelines.embedding import preprocess
from inference.pipelines.patches import (
    NOWHERE,
    Patches,
    compare_patches,
    content_of,
    place_patches,
)

CHANNELS = 24


def patches_of(features, is_content=None):
    """Patches of unit features, all of them content unless said otherwise."""
    values = np.asarray(features, dtype=np.float32)
    values /= np.linalg.norm(values, axis=2, keepdims=True)
    whole = np.ones(values.shape[:2], dtype=bool)
    return Patches(values, whole if is_content is None else is_content)


def random_patches(seed, rows=6, columns=6):
    values = np.random.default_rng(seed).standard_normal((rows, columns, CHANNELS))
    return patches_of(values)


def textured(seed, rows=224, columns=224):
    """A picture of smooth blobs: no two places of it are alike."""
    random = np.random.default_rng(seed)
    coarse = random.integers(40, 220, (rows // 16, columns // 16), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC))


def stripes(side):
    """A texture that no blob has."""
    return ((np.add.outer(np.arange(side), np.arange(side)) // 4) % 2 * 200 + 40).astype(np.uint8)


def patches_by(embedder, picture):
    return place_patches(embedder.embed_patches([preprocess(picture)])[0], picture)


def test_square_picture_keeps_the_grid():
    features = random_patches(0, 14, 14).features
    placed = place_patches(features, np.full((50, 50), 100, dtype=np.uint8))
    assert np.allclose(placed.features, features, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "grid"),
    [((100, 200), (7, 14)), ((200, 100), (14, 7)), ((1, 5000), (1, 14)), ((10, 10), (14, 14))],
)
def test_letterbox_is_cut_off(shape, grid):
    features = random_patches(0, 14, 14).features
    placed = place_patches(features, np.zeros(shape, dtype=np.uint8))
    assert placed.features.shape[:2] == grid
    assert np.allclose(np.linalg.norm(placed.features, axis=2), 1, atol=1e-5)


def test_rows_of_a_wide_picture_are_those_in_the_middle():
    features = np.zeros((14, 14, 2), dtype=np.float32)
    features[..., 0] = 1
    # Rows 4 to 9 of 14 lie wholly inside the middle half.
    features[4:10] = (0, 1)
    placed = place_patches(features, np.zeros((100, 200), dtype=np.uint8))
    assert np.allclose(placed.features[1:-1, :, 1], 1)


@pytest.mark.parametrize("shape", [(14, 14), (0, 3, 4), (1, 1, 1, 1)])
def test_what_is_no_grid_is_refused(shape):
    with pytest.raises(UnsupportedInputError):
        place_patches(np.zeros(shape, dtype=np.float32), np.zeros((4, 4), dtype=np.uint8))


@pytest.mark.parametrize("level", [0, 240])
def test_background_is_black_or_the_level_of_the_border(level):
    picture = np.full((140, 140), level, dtype=np.uint8)
    picture[40:100, 40:100] = textured(1, 64, 64)[:60, :60]
    is_content = content_of(picture, 14, 14)
    assert is_content[5:9, 5:9].all()
    assert not is_content[:3].any()
    assert not is_content[:, 11:].any()


def test_flat_tissue_in_the_middle_is_no_background():
    picture = np.zeros((140, 140), dtype=np.uint8)
    picture[40:100, 40:100] = 128
    assert content_of(picture, 14, 14)[4:10, 4:10].all()


def test_colour_picture_has_content():
    picture = np.stack([textured(1)] * 3, axis=-1)
    assert content_of(picture, 14, 14).all()


def test_same_picture_is_the_same_everywhere():
    patches = random_patches(1)
    likeness = compare_patches(patches, patches)
    assert np.allclose(likeness.query.values, 1, atol=1e-5)
    assert (likeness.query.best.reshape(-1) == np.arange(36)).all()
    assert all(pair.query == pair.result for pair in likeness.pairs)


def test_places_no_more_alike_than_chance_have_no_value():
    one = patches_of(np.ones((4, 4, CHANNELS)) + np.eye(CHANNELS)[:16].reshape(4, 4, CHANNELS))
    other = patches_of(np.ones((4, 4, CHANNELS)) * np.tile([1, -1], CHANNELS // 2))
    likeness = compare_patches(one, other)
    assert (likeness.query.values == 0).all()
    assert likeness.pairs == ()


def test_background_lights_up_nowhere_and_is_nobodys_counterpart():
    one = random_patches(2)
    is_content = np.ones((6, 6), dtype=bool)
    is_content[:2] = False
    likeness = compare_patches(
        Patches(one.features, is_content), Patches(one.features, is_content[::-1].copy())
    )
    assert (likeness.query.values[:2] == 0).all()
    assert (likeness.query.best[:2] == NOWHERE).all()
    assert (likeness.query.best[2:] < 24).all()
    assert (likeness.result.values[4:] == 0).all()


def test_picture_of_background_alone_is_like_nothing():
    one = random_patches(2)
    nothing = Patches(one.features, np.zeros((6, 6), dtype=bool))
    likeness = compare_patches(one, nothing)
    assert (likeness.query.values == 0).all()
    assert (likeness.result.best == NOWHERE).all()
    assert likeness.pairs == ()


def test_one_patch_alone_can_be_compared():
    one = random_patches(2, 1, 1)
    likeness = compare_patches(one, one)
    assert likeness.query.values.tolist() == [[1.0]]


def test_pairs_are_mutual_spread_and_best_first():
    one = random_patches(3, 12, 12)
    noisy = patches_of(
        one.features + 0.08 * np.random.default_rng(4).standard_normal(one.features.shape)
    )
    likeness = compare_patches(one, noisy, limit=5)

    places = [divmod(pair.query, 12) for pair in likeness.pairs]
    values = [pair.value for pair in likeness.pairs]
    assert len(places) == 5
    assert all(0 < row < 11 and 0 < column < 11 for row, column in places)
    assert values == sorted(values, reverse=True)
    assert all(
        max(abs(a[0] - b[0]), abs(a[1] - b[1])) >= 2 for a in places for b in places if a != b
    )
    for pair in likeness.pairs:
        assert likeness.query.best.flat[pair.query] == pair.result
        assert likeness.result.best.flat[pair.result] == pair.query


def test_transplanted_texture_lights_up_in_both_at_its_places(embedder):
    one, other = textured(5), textured(6)
    one[32:96, 128:192] = stripes(64)
    other[128:192, 48:112] = stripes(64)

    likeness = compare_patches(patches_by(embedder, one), patches_by(embedder, other))

    ours, theirs = likeness.query.values, likeness.result.values
    assert ours[3:5, 9:11].mean() > 2 * np.delete(ours, slice(1, 7), axis=0).mean()
    row, column = divmod(int(likeness.query.best[3, 9]), 14)
    assert 8 <= row < 12
    assert 3 <= column < 7
    row, column = divmod(int(likeness.result.best[9, 4]), 14)
    assert 2 <= row < 6
    assert 8 <= column < 12
    assert theirs[9:11, 4:6].mean() > np.median(theirs) + 0.2
    first = divmod(likeness.pairs[0].query, 14)
    assert 2 <= first[0] < 6
    assert 8 <= first[1] < 12


def test_letterboxed_copy_is_found_place_by_place(embedder):
    wide = textured(7, 112, 224)
    square = np.zeros((224, 224), dtype=np.uint8)
    square[56:168] = wide

    likeness = compare_patches(patches_by(embedder, wide), patches_by(embedder, square))

    assert likeness.query.values.shape == (7, 14)
    assert likeness.query.values.mean() > 0.8
    rows, columns = np.divmod(likeness.query.best, 14)
    assert np.abs(rows - (np.arange(7) + 3.5)[:, np.newaxis]).max() <= 1
    assert np.abs(columns - np.arange(14)).max() <= 1


def test_module_leaves_torch_and_onnxruntime_out_of_the_process():
    code = (
        "import sys, inference.pipelines.patches;"
        "sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

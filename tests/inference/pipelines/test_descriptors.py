import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from inference.errors import UnsupportedInputError
from inference.pipelines.descriptors import DESCRIPTORS

NAMES = sorted(DESCRIPTORS)


def picture(rows=60, columns=80, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)
    scaled = Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC)
    return np.asarray(scaled)


def closeness(name, first, second):
    describe = DESCRIPTORS[name].describe
    return float(describe(first) @ describe(second))


def test_names_are_those_of_spaces():
    assert NAMES == ["intensity-histogram-v1", "shape-v1", "texture-v1"]
    assert all(one.name == name for name, one in DESCRIPTORS.items())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "image",
    [
        picture(),
        np.stack([picture()] * 3, axis=-1),
        np.zeros((40, 40), dtype=np.uint8),
        np.full((40, 40), 255, dtype=np.uint8),
        np.full((1, 1), 7, dtype=np.uint8),
        picture(1, 3000),
        picture(3000, 1),
    ],
    ids=["grey", "colour", "black", "white", "one pixel", "wide line", "tall line"],
)
def test_every_picture_gives_a_unit_vector_of_the_stated_dimension(name, image):
    vector = DESCRIPTORS[name].describe(image)

    assert vector.shape == (DESCRIPTORS[name].dimension,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_scaled_copy_is_closer_than_another_picture(name):
    image, other = picture(120, 160), picture(120, 160, seed=1)
    copy = np.asarray(Image.fromarray(image).resize((320, 240), Image.Resampling.BILINEAR))

    assert closeness(name, image, copy) > closeness(name, image, other)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_picture_is_described_by_the_same_numbers(name):
    describe = DESCRIPTORS[name].describe
    assert (describe(picture()) == describe(picture())).all()


def test_histograms_compare_by_bhattacharyya():
    half = np.zeros((2, 2), dtype=np.uint8)
    half[0] = 255

    assert DESCRIPTORS["intensity-histogram-v1"].metric == "bhattacharyya"
    found = closeness("intensity-histogram-v1", half, np.zeros((2, 2), dtype=np.uint8))
    assert found == pytest.approx(np.sqrt(0.5), abs=1e-6)


def test_texture_tells_fine_from_coarse_and_ignores_where():
    stripes = np.tile(np.array([0, 0, 200, 200], dtype=np.uint8), (224, 56))
    shifted = np.roll(stripes, 2, axis=1)
    coarse = np.repeat(stripes[:, :28], 8, axis=1)

    assert closeness("texture-v1", stripes, shifted) > 0.999
    assert closeness("texture-v1", stripes, coarse) < closeness("texture-v1", stripes, shifted)


def test_shape_sees_where_an_edge_lies():
    left, right = np.zeros((128, 128), dtype=np.uint8), np.zeros((128, 128), dtype=np.uint8)
    left[:, :40], right[:, 88:] = 200, 200
    brighter = np.where(left > 0, 250, 0).astype(np.uint8)

    assert closeness("shape-v1", left, brighter) > closeness("shape-v1", left, right)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), dtype=np.uint16), np.zeros((0, 4), dtype=np.uint8), np.zeros(4, np.uint8)],
)
def test_what_is_no_display_image_is_refused(name, image):
    with pytest.raises(UnsupportedInputError):
        DESCRIPTORS[name].describe(image)


def test_the_module_itself_imports_no_scikit_image():
    code = (
        "import sys, inference.pipelines.descriptors;"
        "sys.exit('skimage' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""One picture or two: crops and copies are found, other pictures are not."""

import io

import numpy as np
import pytest
from PIL import Image

from inference.pipelines.keypoints import verify_same_picture
from tests.builders.textures import textured_picture


@pytest.fixture(scope="module")
def picture():
    return textured_picture(1)


def _compressed(picture):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=50)
    return np.asarray(Image.open(stream))


def _named(picture):
    marked = picture.copy()
    marked[:20, :90] = 255
    return marked


CHANGES = {
    "copied": lambda picture: picture,
    "cropped": lambda picture: picture[25:-25, 30:-20],
    "scaled": lambda picture: np.asarray(Image.fromarray(picture).resize((180, 180))),
    "turned": lambda picture: np.asarray(Image.fromarray(picture).rotate(5)),
    "compressed": _compressed,
    "windowed": lambda picture: np.clip(picture * 1.3 - 20.0, 0, 255).astype(np.uint8),
    "with a name burnt in": _named,
    "in colour": lambda picture: np.stack([picture] * 3, axis=2),
}


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_changed_copy_is_the_same_picture(picture, change):
    found = verify_same_picture(picture, CHANGES[change](picture))

    assert found.is_same, found


@pytest.mark.parametrize("seed", [2, 3])
def test_another_picture_is_not_the_same(picture, seed):
    found = verify_same_picture(picture, textured_picture(seed))

    assert not found.is_same, found


def test_picture_with_a_different_half_is_not_the_same(picture):
    other = textured_picture(4)
    mixed = picture.copy()
    mixed[:, 110:] = other[:, 110:]

    assert not verify_same_picture(picture, mixed).is_same


@pytest.mark.parametrize("shape", [(1, 1), (8, 300), (200, 200)])
def test_flat_or_tiny_pictures_match_nothing(picture, shape):
    found = verify_same_picture(np.zeros(shape, dtype=np.uint8), picture)

    assert not found.is_same
    assert found.inliers == 0


def test_verification_does_not_depend_on_chance(picture):
    cropped = picture[10:-10, 10:-10]

    assert verify_same_picture(picture, cropped) == verify_same_picture(picture, cropped)

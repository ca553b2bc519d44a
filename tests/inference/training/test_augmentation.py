import numpy as np
import pytest

from inference.training import augmentation
from inference.training.augmentation import FITTED, UNSEEN


def picture(rows=80, columns=60):
    """A bright disk on a grey ground, as MedNIST's CT."""
    y, x = np.mgrid[0:rows, 0:columns]
    disk = (y - rows / 2) ** 2 + (x - columns / 2) ** 2 < (columns / 3) ** 2
    return np.where(disk, 200, 90).astype(np.uint8)


@pytest.mark.parametrize("variant", [*FITTED, *UNSEEN], ids=lambda one: one.__name__)
@pytest.mark.parametrize("size", [(80, 60), (64, 64), (300, 200), (4, 5)])
def test_variants_are_deterministic_display_images(variant, size):
    image = picture(*size)
    once = variant(image)
    assert once.dtype == np.uint8
    assert once.ndim == 2
    assert once.size > 0
    assert np.array_equal(once, variant(image))


def test_variants_for_judging_are_others_than_those_for_fitting():
    assert not {one.__name__ for one in FITTED} & {one.__name__ for one in UNSEEN}


def test_on_black_takes_a_grey_ground_away():
    black = augmentation.on_black(picture())
    assert black[0, 0] == 0
    assert black.max() == 255


def test_noisy_leaves_the_background_black():
    assert augmentation.noisy(picture())[0, 0] == 0

"""The measurement of honest answers, on vectors whose answer is known."""

import numpy as np
import pytest

from bench.honesty import ask, calibrated, other_pictures, summed
from inference.similarity.quality.figures import comparable


def cloud(rng, centre, number):
    return comparable((centre + 0.2 * rng.normal(size=(number, 6))).astype(np.float32), "cosine")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def archive(rng):
    """Sixty CT and sixty MR around two directions, a patient each."""
    vectors = np.concatenate([cloud(rng, np.eye(6)[0] * 2, 60), cloud(rng, np.eye(6)[1] * 2, 60)])
    modalities = np.array(["CT"] * 60 + ["MR"] * 60)
    return calibrated(vectors, modalities, [str(number) for number in range(120)], None)


def test_each_modality_and_all_together_are_calibrated(archive):
    assert set(archive.cuts) == {"", "CT", "MR"}


def test_what_the_archive_knows_is_seldom_flagged_and_the_rest_is(rng, archive):
    known = summed(ask(archive, cloud(rng, np.eye(6)[0] * 2, 100), ["CT"] * 100))
    unknown = summed(ask(archive, cloud(rng, np.eye(6)[2] * 2, 100), ["US"] * 100))

    assert known.queries == 100
    assert max(known.nothing_close) < 0.2
    assert min(unknown.nothing_close) == 1
    assert min(unknown.out_of_distribution) == 1


def test_other_pictures_are_grey_images(rng):
    for pictures in other_pictures(rng).values():
        assert len(pictures) == 16
        assert all(one.ndim == 2 and one.dtype == np.uint8 for one in pictures)

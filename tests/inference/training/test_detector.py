import numpy as np
import pytest
import torch

from inference.pipelines.detection import LOGIT_OFFSET, make_network, with_neighbours
from inference.training.detector import (
    DetectorRecipe,
    LabelledVolume,
    Place,
    detector_loss,
    label_volume,
    target_of,
    train_detector,
)

SPACING = (4.5, 1.4, 1.4)


@pytest.fixture
def volume():
    """Air with one bright ball."""
    z, y, x = np.mgrid[:9, :96, :96] * np.reshape(SPACING, (3, 1, 1, 1))
    centre = (18.0, 60.0, 70.0)
    away = np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
    slices = np.where(away < 8, 0.75, 0.1).astype(np.float32)
    return LabelledVolume(slices, SPACING, (Place(centre, 8.0),))


def test_the_target_is_hottest_in_the_middle(volume):
    heat, sizes = target_of(volume, 4, (0, 0), 96)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (row * 1.4, column * 1.4) == pytest.approx((60.0, 70.0), abs=1.4)
    assert heat.max() > 0.9
    assert sizes[row, column] == pytest.approx(0.0)
    far, _ = target_of(volume, 0, (0, 0), 96)
    assert far.max() < 0.2


def test_places_move_with_the_grid():
    made = label_volume(
        np.full((8, 70, 70), -1000.0, dtype=np.float32),
        (2.25, 0.7, 0.7),
        [Place((9.0, 7.0, 14.0), 5.0)],
    )
    assert made.slices_zyx.shape == (4, 35, 35)
    # Half of the voxel that grew.
    assert made.places[0].centre_mm_zyx == pytest.approx((9.0 - 1.125, 7.0 - 0.35, 14.0 - 0.35))


def test_the_loss_falls_where_the_answer_is_right(volume):
    heat, sizes = (torch.from_numpy(part)[None] for part in target_of(volume, 4, (0, 0), 96))
    right = torch.stack([heat * 20 - 10 - LOGIT_OFFSET, sizes], dim=1)
    wrong = torch.stack([-right[:, 0], sizes + 1], dim=1)
    assert detector_loss(right, heat, sizes) < detector_loss(wrong, heat, sizes) / 10


def test_a_few_steps_learn_and_the_same_seed_learns_the_same(volume):
    recipe = DetectorRecipe(steps=6, batch=2, learning_rate=1e-2)
    first, second = (train_detector([volume], recipe) for _ in range(2))
    assert not first.training
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    images, *truth = (
        torch.from_numpy(part)[None]
        for part in (with_neighbours(volume.slices_zyx, 4), *target_of(volume, 4, (0, 0), 96))
    )
    torch.manual_seed(recipe.seed)
    untrained = make_network().train()
    with torch.no_grad():
        learned = detector_loss(first.train()(images), *truth)
        assert learned < detector_loss(untrained(images), *truth)

import numpy as np
import pytest
import torch

from inference.errors import BundleInvalidError, UnsupportedInputError
from inference.pipelines.detection import (
    detect,
    find_peaks,
    load_network,
    make_network,
    to_network_grid,
    with_neighbours,
)
from inference.pipelines.types import Volume

GRID = (4.5, 1.4, 1.4)


def volume_of(array, *, modality="CT", axes=(0, 1, 2), spacing=(5.0, 1.0, 1.0)):
    affine = np.zeros((4, 4))
    for index, axis in enumerate(axes):
        affine[axis, index] = spacing[::-1][index]
    affine[:3, 3], affine[3, 3] = (-10.0, -20.0, -30.0), 1.0
    return Volume(array, affine, spacing, [], (), modality)


class Bright(torch.nn.Module):
    """Says that bright pixels are nodules of 8 mm."""

    def forward(self, images):
        middle = images[:, 1]
        return torch.stack([(middle - 0.5) * 20 + 4, torch.zeros_like(middle)], dim=1)


def test_a_bright_spot_is_found_where_it_is_in_the_patient():
    array = np.full((10, 60, 70), -1000.0, dtype=np.float32)
    array[4, 28:33, 38:43] = 400.0
    result = detect(Bright(), volume_of(array), threshold=0.5)
    (found,) = result.detections
    assert found.centre_zyx == pytest.approx((4.0, 30.0, 40.0), abs=0.7)
    assert found.centre_mm == pytest.approx((-10 + 40, -20 + 30, -30 + 20), abs=0.7)
    assert found.radius_mm == pytest.approx(8.0)
    assert result.heat_zyx is not None
    assert result.heat_zyx.shape == array.shape
    assert result.heat_zyx[4, 30, 40] > 0.9


def test_thin_slices_are_averaged_and_found_again():
    array = np.full((40, 60, 60), -1000.0, dtype=np.float32)
    array[19:24, 28:33, 28:33] = 400.0
    result = detect(Bright(), volume_of(array, spacing=(1.0, 1.0, 1.0)), threshold=0.3)
    assert result.detections[0].centre_zyx[0] == pytest.approx(21.0, abs=3.0)


@pytest.mark.parametrize(
    "changes", [{"modality": "MR"}, {"axes": (1, 2, 0)}], ids=["no CT", "sagittal"]
)
def test_other_images_are_refused(changes):
    with pytest.raises(UnsupportedInputError):
        detect(Bright(), volume_of(np.zeros((4, 32, 32), np.float32), **changes), threshold=0.5)


def test_of_two_peaks_side_by_side_the_better_one_stays():
    heat = np.zeros((5, 40, 40), dtype=np.float32)
    heat[2, 20, 20], heat[2, 20, 28], heat[2, 5, 5] = 0.9, 0.8, 0.6
    radius = np.full_like(heat, 12.0)
    found = find_peaks(heat, radius, GRID, threshold=0.5)
    assert [round(one.score, 1) for one in found] == [0.9, 0.6]


def test_the_ends_have_their_own_slice_as_neighbour():
    slices = np.arange(3, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    assert with_neighbours(slices, 0)[:, 0, 0].tolist() == [0, 0, 1]
    assert with_neighbours(slices, 2)[:, 0, 0].tolist() == [1, 2, 2]


def test_the_grid_is_scaled_to_air_and_bone():
    grid = to_network_grid(np.full((2, 56, 56), 400.0, np.float32), (9.0, 0.7, 0.7))
    assert grid.slices_zyx.shape == (2, 28, 28)
    assert grid.slices_zyx.max() == pytest.approx(1.0)
    assert grid.spacing_mm_zyx == pytest.approx((9.0, 1.4, 1.4))


def test_weights_in_half_precision_load_and_others_don_t():
    state = {
        key: value.half() if value.is_floating_point() else value
        for key, value in make_network().state_dict().items()
    }
    assert next(load_network(state).parameters()).dtype == torch.float32
    with pytest.raises(BundleInvalidError):
        load_network({"nothing": torch.zeros(1)})

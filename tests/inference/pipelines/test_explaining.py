import numpy as np
import pytest
import torch
from monai.networks.nets.densenet import DenseNet121

from inference.pipelines.explaining import (
    grad_cam_map,
    occlusion_map,
    off_the_square,
    small_grid,
)


def brightness_of_a_corner(batch):
    return batch[:, 0, 8:24, 40:56].mean(axis=(1, 2)).astype(np.float64)


def test_hiding_the_place_that_counts_costs_most():
    image = np.zeros((1, 64, 64), dtype=np.float32)
    image[0, 8:24, 40:56] = 1.0
    heat = occlusion_map(brightness_of_a_corner, image)
    assert heat.values.shape == (64, 64)
    row, column = np.unravel_index(heat.values.argmax(), heat.values.shape)
    assert 4 <= row < 28
    assert 36 <= column < 60
    assert heat.values[50:, :20].max() < 0.1
    assert 0 < heat.strength <= 1
    assert heat.method == "occlusion"


def test_where_nothing_counts_there_is_no_heat():
    heat = occlusion_map(lambda batch: np.full(len(batch), 0.5), np.ones((1, 32, 32), np.float32))
    assert heat.strength == 0.0
    assert not heat.values.any()


def test_grad_cam_looks_into_a_torch_network():
    torch.manual_seed(0)
    network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3).eval()
    image = np.random.default_rng(0).random((1, 64, 64), dtype=np.float32)
    heat = grad_cam_map(network, image, 1, layer="class_layers.relu")
    assert heat.values.shape == (64, 64)
    assert 0 <= heat.values.min() <= heat.values.max() <= 1
    assert heat.method == "grad-cam"


def test_a_map_leaves_the_square_in_the_images_proportions():
    square = np.zeros((64, 64), dtype=np.float32)
    square[:16] = 1.0  # the border above a wide image
    made = off_the_square(square, 100, 200)
    assert made.shape == (100, 200)
    assert made.max() < 0.1


def test_a_grid_for_a_page_is_small():
    grid = small_grid(np.ones((100, 200), dtype=np.float32))
    assert grid.shape == (16, 32)
    assert grid.min() == pytest.approx(255)

import numpy as np

from deploy.demo.noise import Grid, named_rng
from deploy.demo.projection import (
    add_ball,
    add_tube,
    bone_profile,
    chord,
    develop,
    film,
    path_distance,
    side_marker,
)


def test_a_ray_through_the_middle_of_a_tube_crosses_its_diameter() -> None:
    assert chord(np.array([0.0, 3, 5, 9]), 5).tolist() == [10, 8, 0, 0]


def test_a_hollow_bone_is_denser_at_its_edges() -> None:
    profile = bone_profile(np.linspace(0, 5, 51), 5, 1)
    assert profile.argmax() in range(35, 48)
    assert profile[-1] == 0


def test_tubes_and_balls_add_their_thickness() -> None:
    canvas = film(Grid(100, 1.0))
    add_tube(canvas, [(-30, 0.5), (30, 0.5)], 6, 1.0)
    add_ball(canvas, (0.5, 0.5), (10, 10), 20)
    assert np.isclose(canvas.values[50, 50], 12 + 20, atol=0.5)
    assert np.isclose(canvas.values[50, 25], 12, atol=0.5)
    assert canvas.values[20, 20] == 0


def test_a_path_is_as_near_as_its_nearest_piece() -> None:
    canvas = film(Grid(60, 1.0))
    distance = path_distance(canvas, [(-20, 0), (0, 0), (0, 20)], 8)
    assert distance.min() < 1
    assert distance.max() == 8


def test_a_developed_film_has_twelve_bits_and_thick_is_bright() -> None:
    water = np.zeros((96, 96), np.float32)
    water[:, 48:] = 200
    values = develop(water, named_rng("f"), middle_mm=100, contrast_mm=30)
    assert values.min() >= 0
    assert values.max() <= 4095
    assert values[:, 70:].mean() > values[:, :20].mean() + 2500


def test_side_markers_differ() -> None:
    left, right = np.zeros((2, 60, 60), np.float32)
    side_marker(left, "L", (10, 10))
    side_marker(right, "R", (10, 10))
    assert left.max() > 3500
    assert (left != right).any()

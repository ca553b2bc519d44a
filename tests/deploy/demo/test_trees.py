import numpy as np

from deploy.demo.noise import Grid, named_rng
from deploy.demo.shapes import Canvas
from deploy.demo.trees import Branches, Forest, Habit, grow, paint_forest, piece_distance


def one_branch() -> Forest:
    start, end = np.array([[0.0, 0, -20]]), np.array([[40.0, 0, 20]])
    return Forest(Branches(start, end, np.array([3.0])))


def test_a_tree_doubles_and_thins_with_each_generation() -> None:
    branches = grow(named_rng("t"), np.zeros(3), np.array([1.0, 0, 0]), Habit(generations=5))
    assert len(branches.radii) == 2**5 - 1
    assert branches.radii[-1] < branches.radii[0] / 2


def test_a_slab_cuts_out_its_share_of_a_branch() -> None:
    pieces = one_branch().cut(0, 10)
    assert np.allclose(pieces.starts, [[15, 0]])
    assert np.allclose(pieces.ends, [[25, 0]])
    assert len(one_branch().cut(90, 10).radii) == 0


def test_the_front_view_points_downwards_to_the_feet() -> None:
    pieces = one_branch().front_view(1)
    assert np.allclose(pieces.starts, [[0, 20]])
    assert len(one_branch().front_view(5).radii) == 0


def test_a_painted_vessel_lies_where_the_slab_cuts_it() -> None:
    axis = Grid(64, 1.0).axis_mm
    x, y = np.broadcast_arrays(axis[None, :], axis[:, None])
    canvas = Canvas(x, y, np.full((64, 64), -850, np.float32), axis, axis)
    paint_forest(canvas, one_branch(), (0, 6), 40, np.ones((64, 64)))
    assert canvas.values[32, 32 + 20] > 0
    assert canvas.values[32, 4] == -850


def test_a_vessel_outside_its_organ_is_left_out() -> None:
    axis = Grid(64, 1.0).axis_mm
    x, y = np.broadcast_arrays(axis[None, :], axis[:, None])
    canvas = Canvas(x, y, np.zeros((64, 64), np.float32), axis, axis)
    paint_forest(canvas, one_branch(), (0, 6), 40, np.zeros((64, 64)))
    assert not canvas.values.any()


def test_distance_to_a_piece() -> None:
    x, y = np.array([[0.0, 10, 20]], np.float32), np.array([[3.0]], np.float32)
    assert np.allclose(piece_distance(x, y, (0, 0), (10, 0)), [[3, 3, np.hypot(10, 3)]])

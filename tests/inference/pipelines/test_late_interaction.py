import numpy as np
import pytest

from inference.pipelines.late_interaction import WEIGHT, blend, late_interaction


def circle(*angles):
    return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], dtype=np.float32)


def test_same_slices_in_another_order_are_the_same():
    ours = circle(0.0, 0.5, 1.0)
    assert late_interaction(ours, ours[::-1]) == pytest.approx(1)


def test_late_interaction_is_symmetric():
    ours, theirs = circle(0.0, 0.5, 1.0), circle(0.2, 2.0)
    assert late_interaction(ours, theirs) == pytest.approx(late_interaction(theirs, ours))


def test_slice_without_a_counterpart_costs_more_than_the_same_distance_spread_out():
    ours = circle(0.0, 0.0, 0.0, 0.0)
    one_far = late_interaction(ours, circle(0.0, 0.0, 0.0, 1.0))
    distance = (1 - np.cos(1.0)) / 4
    all_near = late_interaction(ours, circle(*[np.arccos(1 - distance)] * 4))
    assert one_far < 1
    assert (1 - one_far) > (1 - all_near) / 2


def test_one_slice_each_is_their_cosine():
    assert late_interaction(circle(0.0), circle(0.3)) == pytest.approx(np.cos(0.3), abs=1e-6)


def test_blend_is_the_weighted_mean():
    assert blend(0.8, 0.4, 0.0) == 0.8
    assert blend(0.8, 0.4, 1.0) == 0.4
    assert blend(0.8, 0.4) == pytest.approx(0.8 - WEIGHT * 0.4)

import numpy as np
import pytest

from inference.pipelines.measuring import volume_measurements
from inference.pipelines.types import Segment

CODE = ("1", "99T", "x")


def test_volume_measurements_count_shared_values_for_each_segment():
    mask = np.zeros((4, 5, 5), dtype=np.uint8)
    mask[0], mask[1] = 1, 2
    segments = (Segment(1, "both", CODE, CODE, (1, 2)), Segment(2, "two", CODE, CODE, (2,)))

    both, two = volume_measurements(mask, segments, voxel_ml=0.5)

    assert both.value == pytest.approx(25.0)
    assert two.value == pytest.approx(12.5)
    assert two.segment_number == 2
    assert two.unit == ("mL", "UCUM", "milliliter")

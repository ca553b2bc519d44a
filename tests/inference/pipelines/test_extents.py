import numpy as np
import pytest

from inference.pipelines.extents import extent_measurements, longest_diameter_mm
from inference.pipelines.types import Segment, Volume

TISSUE = ("85756007", "SCT", "Tissue")
SEGMENTS = (
    Segment(1, "Bone", TISSUE, ("272673000", "SCT", "Bone"), (1,)),
    Segment(2, "Absent", TISSUE, ("272673000", "SCT", "Bone"), (2,)),
)


def volume_of(array, modality="CT", spacing=(3.0, 2.0, 1.0)):
    return Volume(array, np.diag([*spacing[::-1], 1.0]), spacing, [], (), modality)


def test_a_rectangle_is_as_long_as_its_diagonal():
    inside = np.zeros((2, 10, 10), dtype=bool)
    inside[0, 2:5, 1:9] = True  # 6 mm by 8 mm
    assert longest_diameter_mm(inside, (3.0, 2.0, 1.0)) == pytest.approx(10.0)


def test_one_pixel_has_the_diagonal_of_a_pixel():
    inside = np.zeros((1, 4, 4), dtype=bool)
    inside[0, 1, 1] = True
    assert longest_diameter_mm(inside, (1.0, 3.0, 4.0)) == pytest.approx(5.0)


def test_the_longest_slice_counts():
    inside = np.zeros((2, 10, 10), dtype=bool)
    inside[0, 0, :4] = True
    inside[1, 0, :8] = True
    assert longest_diameter_mm(inside, (1.0, 1.0, 1.0)) == pytest.approx(np.hypot(8, 1))


def test_ct_has_a_mean_in_hounsfield_units():
    array = np.full((1, 4, 4), 100.0, dtype=np.float32)
    array[0, 0, 0] = 400.0
    mask = np.zeros((1, 4, 4), dtype=np.uint8)
    mask[0, 0, :3] = 1
    diameter, mean = extent_measurements(mask, SEGMENTS, volume_of(array))
    assert diameter.name[2] == "Long axis"
    assert mean.value == pytest.approx(200.0)
    assert mean.unit[0] == "[hnsf'U]"
    assert mean.derivation is not None
    assert mean.derivation[2] == "Mean"


def test_of_other_modalities_no_intensity_is_said():
    mask = np.ones((1, 4, 4), dtype=np.uint8)
    array = np.ones((1, 4, 4), dtype=np.float32)
    assert len(extent_measurements(mask, SEGMENTS, volume_of(array, "US"))) == 1

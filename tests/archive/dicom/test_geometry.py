import numpy as np
import pytest

from archive.dicom.geometry import (
    SliceGeometry,
    affine_lps,
    reading_order,
    slice_geometry,
    slice_normal,
    slice_positions,
    sort_slices,
)
from archive.dicom.reading import read_dataset
from tests.builders.datasets import make_dataset

AXIAL = [1, 0, 0, 0, 1, 0]
SAGITTAL = [0, 1, 0, 0, 0, -1]


def test_slice_geometry_of_a_data_set():
    ds = make_dataset(ImagePositionPatient=[1, 2, 3], InstanceNumber=7)
    assert slice_geometry(ds) == SliceGeometry(AXIAL, [1, 2, 3], 7)


def test_slice_geometry_of_an_instance_without_any():
    ds = make_dataset(ImagePositionPatient=None, ImageOrientationPatient=None, InstanceNumber=None)
    assert slice_geometry(ds) == SliceGeometry(None, None, None)


@pytest.mark.parametrize(("orientation", "normal"), [(AXIAL, [0, 0, 1]), (SAGITTAL, [-1, 0, 0])])
def test_slice_normal(orientation, normal):
    assert slice_normal(orientation).tolist() == normal


def test_slice_normal_of_degenerate_directions_is_zero():
    assert slice_normal([1, 0, 0, 1, 0, 0]).tolist() == [0, 0, 0]


def test_sort_slices_goes_along_the_normal_whatever_the_numbers_say():
    slices = [(AXIAL, [0, 0, z], number) for z, number in ((5, 1), (-3, 2), (1, 3))]
    assert sort_slices(slices) == [1, 2, 0]
    assert slice_positions(slices) == [5, -3, 1]


def test_sort_slices_of_oblique_slices():
    normal = slice_normal([0.8, 0.6, 0, 0, 0, -1])
    slices = [([0.8, 0.6, 0, 0, 0, -1], list(normal * z), None) for z in (3, 1, 2)]
    assert sort_slices(slices) == [1, 2, 0]


@pytest.mark.parametrize(
    "slices",
    [
        [(AXIAL, [0, 0, 9], 2), (SAGITTAL, [0, 0, 0], 1), (AXIAL, [0, 0, 5], None)],
        [(AXIAL, [0, 0, 1], 2), (AXIAL, [0, 0, 1], 1), (AXIAL, [0, 0, 0], None)],
        [(None, None, 2), (None, None, 1), (None, None, None)],
        [(AXIAL, None, 2), (AXIAL, [0, 0, 0], 1), (AXIAL, [0, 0, 0], None)],
    ],
    ids=["not parallel", "repeated", "nothing known", "no position"],
)
def test_sort_slices_falls_back_to_instance_numbers(slices):
    assert sort_slices(slices) == [1, 0, 2]


def test_sort_slices_of_nothing():
    assert sort_slices([]) == []


def test_reading_order_keeps_the_direction_in_which_the_scanner_numbered():
    rising = [(AXIAL, [0, 0, z], number) for z, number in ((0, 1), (2, 3), (1, 2))]
    falling = [(AXIAL, [0, 0, z], number) for z, number in ((0, 3), (2, 1), (1, 2))]

    assert reading_order(rising) == [0, 2, 1]
    assert reading_order(falling) == [1, 2, 0]


def test_reading_order_goes_by_number_where_positions_are_damaged():
    assert reading_order([([1, 0], [0, 0, 0], 2), (AXIAL, [0, 0, 9], 1), (None, [1], None)]) == [
        1,
        0,
        2,
    ]


def test_sort_slices_takes_data_sets(shared_data):
    folder = shared_data / "dicom" / "dcmqi"
    slices = [
        read_dataset(folder / f"ct-3slice_0{n}.dcm", stop_before_pixels=True) for n in (2, 1, 3)
    ]
    order = sort_slices(slices)
    heights = [slices[index].ImagePositionPatient[2] for index in order]
    assert heights == sorted(heights)


def test_affine_lps_maps_indices_to_millimetres():
    affine = affine_lps(
        orientation=AXIAL,
        positions=[[10, 20, 30], [10, 20, 35], [10, 20, 40]],
        pixel_spacing=[2, 0.5],
    )
    assert (affine @ [0, 0, 0, 1]).tolist() == [10, 20, 30, 1]
    assert (affine @ [4, 3, 2, 1]).tolist() == [12, 26, 40, 1]


def test_affine_lps_of_one_slice_uses_its_thickness():
    affine = affine_lps(
        orientation=SAGITTAL, positions=[[0, 0, 0]], pixel_spacing=[1, 1], slice_thickness=4
    )
    assert np.allclose(affine @ [0, 0, 1, 1], [-4, 0, 0, 1])

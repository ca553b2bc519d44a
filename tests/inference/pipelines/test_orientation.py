"""Whatever order and plane a series is stored in: a voxel stays where it is in the patient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import UnsupportedInputError
from inference.pipelines.orientation import to_axial
from inference.pipelines.segmentation import segment_ct
from inference.pipelines.volumes import read_volume
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.mr_series import make_mr_series
from tests.builders.planes import CORONAL, PLANES, SAGITTAL, UPSIDE_DOWN, directions_of, in_plane


def rotation(angles) -> np.ndarray:
    turned = np.eye(3)
    for axis, angle in enumerate(angles):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[one, one] = step[other, other] = np.cos(angle)
        step[one, other], step[other, one] = -np.sin(angle), np.sin(angle)
        turned = step @ turned
    return turned


def places(affine, shape_zyx) -> np.ndarray:
    z, y, x = np.indices(shape_zyx)
    return np.stack([x, y, z], axis=-1) @ affine[:3, :3].T + affine[:3, 3]


def by_place(affine, array) -> dict:
    rounded = np.round(places(affine, array.shape), 1).reshape(-1, 3) + 0.0
    return dict(zip(map(tuple, rounded), array.ravel(), strict=True))


@st.composite
def grids(draw):
    order, signs = draw(st.sampled_from(PLANES))
    oblique = rotation([draw(st.floats(-0.6, 0.6)) for _ in range(3)])
    spacing = [draw(st.floats(0.4, 5.0)) for _ in range(3)]
    affine = np.eye(4)
    affine[:3, :3] = oblique @ directions_of(order, signs) @ np.diag(spacing)
    # A gantry's tilt: slices are shifted along their columns.
    tilt = np.tan(np.deg2rad(draw(st.floats(-25, 25)))) * spacing[2]
    affine[:3, 2] += affine[:3, 1] / spacing[1] * tilt
    affine[:3, 3] = [draw(st.floats(-400, 400)) for _ in range(3)]
    shape = tuple(draw(st.integers(2, 6)) for _ in range(3))
    seed = draw(st.integers(0, 2**16))
    array = np.random.default_rng(seed).permutation(int(np.prod(shape))).reshape(shape)
    slices = np.random.default_rng(seed + 1).permutation(shape[0])
    return affine, array, slices


@settings(max_examples=60, deadline=None)
@given(grids())
def test_any_order_oblique_plane_and_tilt_keeps_each_voxels_place_and_value(grid):
    affine, array, slices = grid
    series = make_mr_series(array, affine)
    stored = np.rint(array / array.max() * 4095)

    volume = read_volume([series[index] for index in slices])

    assert np.abs(volume.affine_lps - affine).max() < 1e-3
    assert np.array_equal(volume.array_zyx, stored)
    assert volume.voxel_ml == pytest.approx(abs(np.linalg.det(affine[:3, :3])) / 1000, rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(grids())
def test_to_axial_moves_no_voxel_and_comes_back(grid):
    affine, array, _ = grid
    volume = read_volume(make_mr_series(array, affine))

    turned = to_axial(volume)

    before = places(volume.affine_lps, volume.array_zyx.shape)
    after = places(turned.volume.affine_lps, turned.volume.array_zyx.shape)
    order = np.argsort(volume.array_zyx, axis=None)
    turned_order = np.argsort(turned.volume.array_zyx, axis=None)
    assert np.allclose(before.reshape(-1, 3)[order], after.reshape(-1, 3)[turned_order], atol=1e-6)
    labels = (turned.volume.array_zyx % 256).astype(np.uint8)
    assert np.array_equal(turned.restore(labels), (volume.array_zyx % 256).astype(np.uint8))
    assert turned.volume.voxel_ml == pytest.approx(volume.voxel_ml)


@pytest.mark.parametrize(("order", "signs"), PLANES)
def test_to_axial_runs_head_back_and_left(order, signs):
    affine = np.eye(4)
    affine[:3, :3] = directions_of(order, signs) @ np.diag([1.0, 2.0, 3.0])
    volume = read_volume(make_mr_series(np.arange(24).reshape(2, 3, 4), affine))

    turned = to_axial(volume).volume

    steps = turned.affine_lps[:3, :3]
    assert np.allclose(steps, np.abs(np.diag(np.diag(steps))))
    assert turned.spacing_mm_zyx == pytest.approx(tuple(np.diag(steps)[::-1]))


def test_axial_volume_stays_as_it_is():
    volume = read_volume(make_ct_series(np.zeros((3, 4, 5))))
    turned = to_axial(volume)
    assert np.array_equal(turned.volume.affine_lps, volume.affine_lps)
    assert turned.axes == (0, 1, 2)


def ct_in_plane(hu, order, signs):
    array, affine = in_plane(hu, np.diag([2.5, 2.5, 2.5, 1.0]), order, signs)
    series = make_ct_series(array, spacing_zyx=(2.5, 2.5, 2.5))
    for index, ds in enumerate(series):
        ds.ImageOrientationPatient = [*(affine[:3, 0] / 2.5), *(affine[:3, 1] / 2.5)]
        ds.ImagePositionPatient = list(affine[:3, 3] + index * affine[:3, 2])
    return series


@pytest.mark.parametrize(("order", "signs"), [SAGITTAL, CORONAL, UPSIDE_DOWN])
def test_chest_stored_in_another_plane_is_segmented_alike(order, signs):
    hu = chest_phantom(is_joined=True)
    axial = segment_ct(read_volume(make_ct_series(hu, spacing_zyx=(2.5, 2.5, 2.5))))
    series = ct_in_plane(hu, order, signs)
    volume = read_volume(series[::-1])

    other = segment_ct(volume)

    assert other.mask_zyx.shape == volume.array_zyx.shape
    turned = to_axial(volume)
    back = np.flip(
        other.mask_zyx.transpose(turned.axes),
        tuple(axis for axis, is_flipped in enumerate(turned.flips) if is_flipped),
    )
    assert np.array_equal(back, axial.mask_zyx)
    assert [m.value for m in other.measurements] == pytest.approx(
        [m.value for m in axial.measurements]
    )


@settings(max_examples=40, deadline=None)
@given(grids(), st.data())
def test_missing_and_repeated_slices_are_refused_with_a_reason(grid, data):
    affine, array, _ = grid
    array = np.concatenate([array] * 3)
    series = make_mr_series(array, affine)
    index = data.draw(st.integers(1, len(series) - 2))
    if data.draw(st.booleans()):
        series[index].ImagePositionPatient = series[index - 1].ImagePositionPatient
        words = "same place"
    else:
        del series[index]
        words = "1 of .* slices are missing"
    with pytest.raises(UnsupportedInputError, match=words):
        read_volume(data.draw(st.permutations(series)))

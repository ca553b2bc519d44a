import numpy as np
import pytest

from archive.dicom.stacking import stack_of
from archive.errors import NotAcceptableError
from tests.builders.ct_series import make_ct_series

HU = np.zeros((4, 3, 5), np.int16)


def test_slices_come_in_order_with_their_affine():
    images = make_ct_series(HU, spacing_zyx=(2.5, 0.7, 0.8), origin=(-10, -20, 5))
    stack = stack_of(images[::-1])

    assert [place.dataset for place in stack.places] == [3, 2, 1, 0]
    assert np.allclose(stack.affine_lps[:3, :3], np.diag([0.8, 0.7, 2.5]))
    assert np.allclose(stack.affine_lps[:3, 3], [-10, -20, 5])


def test_scales_that_differ_are_no_common_one():
    images = make_ct_series(HU, RescaleSlope=1, RescaleIntercept=0)
    assert stack_of(images).rescale == (1.0, 0.0)
    images[2].RescaleSlope = 2
    assert stack_of(images).rescale is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda one: setattr(one[1], "ImagePositionPatient", [0, 0, 3.6]), "evenly"),
        (lambda one: setattr(one[1], "ImagePositionPatient", [9, 0, 2]), "evenly"),
        (lambda one: setattr(one[1], "ImagePositionPatient", [0, 0, 0]), "same place"),
        (lambda one: setattr(one[1], "ImageOrientationPatient", [0, 1, 0, 0, 0, 1]), "several"),
        (lambda one: setattr(one[1], "PixelSpacing", [2, 2]), "several"),
        (lambda one: delattr(one[1], "ImagePositionPatient"), "where they lie"),
        (lambda one: setattr(one[1], "NumberOfFrames", 3), "no positions"),
    ],
)
def test_what_is_no_stack_says_why(change, why):
    images = make_ct_series(HU, spacing_zyx=(2.0, 1.0, 1.0))
    change(images)
    with pytest.raises(NotAcceptableError, match=why):
        stack_of(images)

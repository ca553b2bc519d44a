"""The way to 1 mm and back, with a network that goes by brightness alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.brain_changes import CHANGES, Case
from inference.errors import UnsupportedInputError
from inference.pipelines.brain import CSF, GREY, NO_BRAIN_NOTE, WHITE, segment_brain
from inference.pipelines.sliding_window import Network
from inference.pipelines.types import Volume

SHADES = (0.0, 0.9, 0.6, 0.3)


class ByBrightness(torch.nn.Module):
    """Says the class whose grey value is nearest."""

    def forward(self, image):
        return torch.cat([-((image - shade) ** 2) for shade in SHADES], dim=1)


NETWORK = Network(digest="by-brightness", load=ByBrightness)


def make_head(side=144, radius=60.0, *, step=1.0, modality="MR"):
    """A ball of white matter in grey matter in CSF, off the middle, and what each voxel is."""
    places = np.indices((side,) * 3).astype(np.float32) * step
    centre = np.array([0.5, 0.45, 0.55]) * side * step
    distance = np.sqrt(sum((places[axis] - centre[axis]) ** 2 for axis in range(3)))
    labels = np.select(
        [distance < radius * 0.6, distance < radius * 0.9, distance < radius], [WHITE, GREY, CSF]
    ).astype(np.uint8)
    array = np.array(SHADES, dtype=np.float32)[labels] * 1000
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = (-70.0, -60.0, 30.0)
    frames = tuple(range(side))
    return Case(Volume(array, affine, (step,) * 3, [], frames, modality), labels)


@pytest.fixture(scope="module")
def head():
    return make_head()


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_segment_brain_labels_and_measures_three_tissues(head):
    result = segment_brain(head.volume, NETWORK)
    for value in (WHITE, GREY, CSF):
        assert dice(result.mask_zyx == value, head.labels_zyx == value) > 0.98
    assert [one.label for one in result.segments] == ["White matter", "Grey matter", "CSF"]
    volumes = [one.value for one in result.measurements]
    assert volumes == pytest.approx([(result.mask_zyx == v).sum() / 1000 for v in (1, 2, 3)])
    assert "not evaluated" in result.notes[-1]


@pytest.mark.parametrize(
    "change", ["orientation: sagittal", "orientation: coronal, backwards"], ids=["sagittal", "cor"]
)
def test_segment_brain_in_another_plane_gives_the_same_voxels(head, change):
    turned = CHANGES[change](head)
    assert not np.array_equal(turned.labels_zyx, head.labels_zyx)
    straight = segment_brain(head.volume, NETWORK)
    expected = CHANGES[change](replace(head, labels_zyx=straight.mask_zyx)).labels_zyx
    assert np.array_equal(segment_brain(turned.volume, NETWORK).mask_zyx, expected)


@pytest.mark.parametrize("change", ["spacing: 1.5 mm", "spacing: slices of 3 mm"])
def test_segment_brain_of_other_voxels_answers_on_their_grid(head, change):
    coarse = CHANGES[change](head)
    result = segment_brain(coarse.volume, NETWORK)
    assert result.mask_zyx.shape == coarse.volume.array_zyx.shape
    for value in (WHITE, GREY):
        assert dice(result.mask_zyx == value, coarse.labels_zyx == value) > 0.93


def test_segment_brain_leaves_out_what_does_not_touch_the_brain(head):
    array = head.volume.array_zyx.copy()
    array[2:12, 2:12, 2:12] = 900.0
    result = segment_brain(replace(head.volume, array_zyx=array), NETWORK)
    assert not result.mask_zyx[2:12, 2:12, 2:12].any()


def test_segment_brain_without_a_brain_says_so():
    dark = make_head(radius=20.0)
    result = segment_brain(dark.volume, NETWORK)
    assert result.segments == ()
    assert result.notes == (NO_BRAIN_NOTE,)
    assert not result.mask_zyx.any()


@pytest.mark.parametrize(
    ("volume", "reason"),
    [
        (make_head(24, modality="CT").volume, "for MR; the series is CT"),
        (make_head(24, step=1.0).volume, "24 mm in one direction"),
        (make_head(24, step=8.0).volume, "8.0 mm apart"),
    ],
    ids=["ct", "small", "coarse"],
)
def test_segment_brain_refuses(volume, reason):
    with pytest.raises(UnsupportedInputError, match=reason):
        segment_brain(volume, NETWORK)

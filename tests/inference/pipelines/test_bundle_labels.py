import numpy as np
import pytest

from inference.errors import BundleRunError
from inference.pipelines.bundle_labels import has_background, label_named, overlapping_labels


@pytest.mark.parametrize("name", ["background", "Background", "back_ground", "BG", "Other"])
def test_the_first_channel_is_the_background_where_it_is_called_so(name):
    assert has_background({0: name, 1: "liver"})


def test_the_first_channel_is_the_background_where_nothing_is_said():
    assert has_background({})
    assert has_background({1: "liver"})
    assert not has_background({0: "tumor core", 1: "whole tumor"})
    # Words that only begin alike.
    assert not has_background({0: "otherwise calcified"})


def test_the_label_of_the_only_channel_is_1_in_the_label_map():
    assert label_named({0: "liver"}, 1) == "liver"
    assert label_named({0: "background"}, 1) is None
    assert label_named({0: "liver", 1: "spleen"}, 1) == "spleen"
    assert label_named({}, 1) is None


def test_each_mixture_of_labels_has_its_value():
    inside = np.zeros((1, 2, 4, 3), dtype=bool)
    inside[0, 0, :, 1] = True
    inside[0, 0, 1:3, 0] = True
    inside[0, :, 2, 2] = True

    mask, values = overlapping_labels(inside)

    assert mask.dtype == np.uint8
    assert np.array_equal(mask == 0, ~inside.any(axis=-1))
    assert set(values) == {0, 1, 2}
    for label, own in values.items():
        assert np.array_equal(np.isin(mask, own), inside[..., label])


def test_labels_without_voxels_are_not_named():
    mask, values = overlapping_labels(np.zeros((2, 2, 2, 3), dtype=bool))
    assert not mask.any()
    assert values == {}


def test_more_mixtures_than_a_label_map_has_values_are_refused():
    numbers = np.arange(512).reshape(8, 8, 8, 1)
    with pytest.raises(BundleRunError, match="255 ways"):
        overlapping_labels((numbers >> np.arange(9)) & 1 > 0)

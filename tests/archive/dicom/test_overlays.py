import numpy as np
import pytest

from archive.dicom.display_colours import segment_colour
from archive.dicom.overlays import overlay_bits, overlay_planes, overlay_segments
from archive.errors import LimitExceededError
from inference.results.types import SegmentationType
from tests.builders.ct_series import make_ct_series
from tests.builders.overlays import make_map, make_segmentation


@pytest.fixture(scope="module")
def images():
    return make_ct_series(np.zeros((3, 8, 10), np.int16))


@pytest.fixture(scope="module")
def mask():
    mask = np.zeros((3, 8, 10), np.uint8)
    mask[0, 2:5, 3:9] = 1
    mask[2, 6, 1] = 2
    return mask


def _by_source(source, _position):
    return source


@pytest.mark.parametrize("kind", list(SegmentationType))
def test_planes_are_cut_to_what_they_show(images, mask, kind):
    ds = make_segmentation(images, mask, kind)

    planes = list(overlay_planes(ds, _by_source))

    assert [one.label for one in overlay_segments(ds)] == ["Lung", "Bone"]
    boxes = {one.segment: (one.key, one.x, one.y, one.width, one.height) for one in planes}
    first, last = str(images[0].SOPInstanceUID), str(images[2].SOPInstanceUID)
    assert boxes == {1: ((first, 1), 3, 2, 6, 3), 2: ((last, 1), 1, 6, 1, 1)}
    lung = next(one for one in planes if one.segment == 1)
    if kind is SegmentationType.FRACTIONAL:
        assert overlay_bits(ds) == 8
        assert lung.content == b"\xff" * 18
    else:
        assert overlay_bits(ds) == 1
        assert lung.content == b"\xff\xff\x03"


def test_frames_without_a_source_are_found_by_their_place(images, mask):
    ds = make_segmentation(images, mask)
    for groups in ds.PerFrameFunctionalGroupsSequence:
        del groups.DerivationImageSequence
    asked = []

    def locate(source, position):
        asked.append((source, position))

    assert list(overlay_planes(ds, locate)) == []
    assert asked[0] == (None, (0.0, 0.0, 0.0))
    assert asked[-1] == (None, (0.0, 0.0, 4.0))


def test_maps_are_scaled_from_cold_to_hot(images):
    heat = np.zeros((3, 8, 10), np.float32)
    heat[1, 4, 4:6] = [0.5, 1.0]
    ds = make_map(images, heat)

    (plane,) = [one for one in overlay_planes(ds, _by_source) if any(one.content)]

    assert (plane.x, plane.y, plane.width, plane.height) == (4, 4, 2, 1)
    assert list(plane.content) == [127, 255]
    ds.ContentDescription = "Not for diagnostic use. why lung"
    assert overlay_segments(ds)[0].label == "why lung"


def test_too_many_frames_are_refused(images, mask):
    ds = make_segmentation(images, mask)
    ds.NumberOfFrames = 30_000
    with pytest.raises(LimitExceededError):
        list(overlay_planes(ds, _by_source))


def test_colours_are_those_stated_else_apart():
    # Red, as PS3.3 C.10.7.1.1 encodes L* 53.2, a* 80.1, b* 67.2.
    red = segment_colour([34868, 53485, 50181], 0)
    assert red[0] > 245
    assert max(red[1:]) < 20
    assert segment_colour(None, 0) != segment_colour(None, 1)
    assert segment_colour(["x"], 3) == segment_colour(None, 3)

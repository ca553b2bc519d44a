"""Boxes that a bundle writes, back in the patient."""

import json

import numpy as np
import pytest

from inference.errors import BundleRunError, UnsupportedInputError
from inference.pipelines.bundle_boxes import BoxReading, detect_with_bundle, read_boxes
from inference.pipelines.types import Volume
from tests.builders.bundles import make_finding_bundle

SPACING_ZYX = (3.0, 0.5, 0.8)


@pytest.fixture
def volume():
    """A bright block in the dark; rows run backwards."""
    array = np.zeros((10, 30, 20), dtype=np.float32)
    array[3:6, 10:20, 5:9] = 500.0
    affine = np.diag([0.8, -0.5, 3.0, 1.0])
    affine[:3, 3] = (-40.0, 60.0, -100.0)
    return Volume(array, affine, SPACING_ZYX, [], tuple(range(10)), "CT")


@pytest.fixture
def write(tmp_path):
    def write_boxes(content):
        (tmp_path / "result.json").write_text(json.dumps(content))
        return tmp_path

    return write_boxes


def said(**parts):
    return {"box": [[0, 0, 0, 2, 4, 6]], "label": [1], "score": [0.7]} | parts


def test_a_bundle_finds_the_block_where_it_lies(tmp_path, volume):
    bundle = make_finding_bundle(tmp_path / "finder", threshold=100)

    (found,) = detect_with_bundle(bundle, volume, "cpu", reading=BoxReading())

    assert found.score == pytest.approx(0.9)
    assert found.label == 0
    assert found.centre_zyx == pytest.approx((4.0, 14.5, 6.5))
    centre = volume.affine_lps @ [6.5, 14.5, 4.0, 1.0]
    assert found.centre_mm == pytest.approx(tuple(centre[:3]))
    assert found.half_mm == pytest.approx((1.6, 2.5, 4.5))


def test_a_bundle_for_another_modality_is_not_run(tmp_path, volume):
    bundle = make_finding_bundle(tmp_path / "finder", threshold=100, modality="MR")
    with pytest.raises(UnsupportedInputError, match="is for MR"):
        detect_with_bundle(bundle, volume, "cpu", reading=BoxReading())


def test_corners_and_the_other_space_are_read_when_so_said(write, volume):
    folder = write({"validation": [said(box=[[-3, -5, 1, 5, 7, 9]])]})

    (found,) = read_boxes(folder, volume, BoxReading(mode="xyzxyz", space="RAS"))

    assert found.centre_mm == (-1.0, -1.0, 5.0)
    assert found.half_mm == (4.0, 6.0, 4.0)
    assert (found.radius_mm, found.label, found.score) == (6.0, 1, 0.7)


def test_the_best_are_kept_and_the_unsure_left_out(tmp_path, volume):
    bundle = make_finding_bundle(tmp_path / "finder", threshold=100)
    both = detect_with_bundle(bundle, volume, "cpu", reading=BoxReading(threshold=0.05))
    assert [one.score for one in both] == [0.9, 0.1]
    one = BoxReading(threshold=0.05, most=1)
    assert len(detect_with_bundle(bundle, volume, "cpu", reading=one)) == 1


def test_nothing_found_is_no_error(write, volume):
    assert read_boxes(write([said(box=[], label=[], score=[])]), volume, BoxReading()) == []


@pytest.mark.parametrize(
    "content",
    [
        [said(box=[[1, 2, 3]])],
        [said(box=[[0, 0, 0, 2, 4, None]])],
        [said(score=[0.5, 0.6])],
        [{"box": [[0, 0, 0, 1, 1, 1]]}],
        [said(box=[["a", 0, 0, 1, 1, 1]])],
        [said(box=[[float("nan"), 0, 0, 1, 1, 1]])],
        [said(box=[[0, 0, 0, 1, 1, 1]] * 10_001, label=[0] * 10_001, score=[0.5] * 10_001)],
    ],
)
def test_what_is_no_list_of_boxes_is_refused(write, volume, content):
    with pytest.raises(BundleRunError):
        read_boxes(write(content), volume, BoxReading())


def test_no_file_is_refused(tmp_path, volume):
    with pytest.raises(BundleRunError, match="0 JSON files"):
        read_boxes(tmp_path, volume, BoxReading())

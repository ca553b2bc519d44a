from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.bundles.dry_run import try_bundle
from inference.errors import BundleRunError
from inference.pipelines.bundle_metadata import read_metadata
from inference.pipelines.bundle_runner import BundleJob, run_bundle, segment_with_bundle
from inference.pipelines.volumes import read_volume
from inference.results.seg import do_overlap
from tests.builders.bundles import make_threshold_bundle
from tests.builders.cutting_bundles import make_cutting_bundle
from tests.builders.declared_bundles import make_declared_bundle, make_network
from tests.builders.mr_series import make_mr_series

AFFINE = np.array([[0, 0, -2.0, 5], [1.5, 0, 0, -6], [0, -1.0, 0, 7], [0, 0, 0, 1]])
UNTRUSTED = BundleJob(is_trusted=False, limits={"is_offline": True})


@pytest.fixture(scope="module")
def volume():
    """A small sagittal MR, so that wrong axes can't go unnoticed."""
    array = np.random.default_rng(0).random((8, 12, 16))
    return read_volume(make_mr_series(array, AFFINE))


def test_parts_of_an_untrusted_bundle_run_and_the_mask_lies_on_the_source_grid(tmp_path, volume):
    from monai.data import MetaTensor
    from monai.transforms import Orientation, ScaleIntensity

    output = run_bundle(make_declared_bundle(tmp_path / "b"), volume, "cpu", job=UNTRUSTED)

    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine_lps
    image = MetaTensor(volume.array_zyx.transpose(2, 1, 0)[None], affine=affine)
    turn = Orientation("RAS", labels=None)
    turned = turn(image)
    with torch.inference_mode():
        scores = make_network()(ScaleIntensity()(turned).as_tensor()[None])[0]
    # Sizes are multiples of 4 already, so nothing was padded.
    labels = MetaTensor(
        scores.argmax(0, keepdim=True),
        meta=turned.meta,
        applied_operations=turned.applied_operations,
    )
    expected = np.asarray(turn.inverse(labels)[0]).transpose(2, 1, 0)
    assert output.mask_zyx.shape == volume.array_zyx.shape
    assert 0 < output.mask_zyx.mean() < 1
    assert np.array_equal(output.mask_zyx, expected)


def test_the_weights_that_the_metadata_names_are_run_and_no_others_beside_them(tmp_path, volume):
    bundle = make_cutting_bundle(
        tmp_path / "b",
        {"model.safetensors": [0.2], "chosen.safetensors": [0.7]},
        metadata={"twinsight": {"weights": "models/chosen.safetensors"}},
    )

    output = run_bundle(bundle, volume, "cpu", job=UNTRUSTED)

    assert np.array_equal(output.mask_zyx, scaled(volume) > 0.7)


def test_labels_that_overlap_are_each_whole(tmp_path, volume):
    """Channels of which none is the background, as BraTS' tumours within tumours are written."""
    bundle = make_cutting_bundle(
        tmp_path / "b",
        {"model.safetensors": [0.7, 0.2]},
        has_background=False,
        names=["core", "whole"],
    )

    result = segment_with_bundle(bundle, volume, "cpu", is_trusted=False)

    assert [segment.label for segment in result.segments] == ["Core", "Whole"]
    for segment, threshold in zip(result.segments, (0.7, 0.2), strict=True):
        inside = scaled(volume) > threshold
        assert np.array_equal(np.isin(result.mask_zyx, segment.values), inside)
        assert result.measurements[segment.number - 1].value == pytest.approx(
            inside.sum() * volume.voxel_ml
        )
    assert do_overlap(result.mask_zyx, result.segments)


def test_the_only_channel_has_the_name_that_the_metadata_gives_it(tmp_path, volume):
    bundle = make_cutting_bundle(
        tmp_path / "b", {"model.safetensors": [0.7]}, has_background=False, names=["core"]
    )

    (segment,) = segment_with_bundle(bundle, volume, "cpu", is_trusted=False).segments

    assert segment.label == "Core"
    # The phantom of a registration holds the label as well.
    assert try_bundle(bundle, read_metadata(bundle), is_trusted=False)["output_shape"][1] == 1


def test_numbers_that_are_none_are_no_empty_result(tmp_path, volume):
    bundle = make_cutting_bundle(
        tmp_path / "b",
        {"model.safetensors": [0.5]},
        before=[
            {
                "_target_": "ThresholdIntensityd",
                "keys": "image",
                "threshold": 0.9,
                "above": False,
                "cval": float("nan"),
            }
        ],
    )

    with pytest.raises(BundleRunError, match="numbers that are none"):
        run_bundle(bundle, volume, "cpu", job=UNTRUSTED)


def scaled(volume):
    low, high = volume.array_zyx.min(), volume.array_zyx.max()
    return (volume.array_zyx - low) / (high - low)


def test_code_of_an_untrusted_bundle_is_refused_by_its_process_too(tmp_path, volume):
    bundle = make_threshold_bundle(tmp_path / "b", threshold=1)
    with pytest.raises(BundleRunError, match="The bundle needs trust"):
        run_bundle(bundle, volume, "cpu", job=UNTRUSTED)

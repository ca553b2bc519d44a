from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.errors import BundleRunError
from inference.pipelines.bundle_runner import BundleJob, run_bundle
from inference.pipelines.volumes import read_volume
from tests.builders.bundles import make_threshold_bundle
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


def test_code_of_an_untrusted_bundle_is_refused_by_its_process_too(tmp_path, volume):
    bundle = make_threshold_bundle(tmp_path / "b", threshold=1)
    with pytest.raises(BundleRunError, match="The bundle needs trust"):
        run_bundle(bundle, volume, "cpu", job=UNTRUSTED)

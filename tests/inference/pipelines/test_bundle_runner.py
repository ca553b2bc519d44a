from pathlib import Path

import nilearn
import numpy as np
import pytest

from inference.errors import BundleRunError, UnsupportedInputError
from inference.pipelines.bundle_runner import BundleJob, run_bundle, segment_with_bundle
from inference.pipelines.volumes import read_volume
from tests.builders.bundles import make_soft_bundle, make_threshold_bundle
from tests.builders.mr_series import make_mr_series, read_nifti_lps

AFFINE = np.array([[0, 0, -2.0, 5], [1.5, 0, 0, -6], [0, -1.0, 0, 7], [0, 0, 0, 1]])
ICBM152 = Path(nilearn.__file__).parent / "datasets" / "data"


@pytest.fixture(scope="module")
def volume():
    """A small sagittal MR, so that wrong axes can't go unnoticed."""
    array = np.random.default_rng(0).random((4, 6, 9))
    return read_volume(make_mr_series(array, AFFINE))


def test_run_bundle_returns_masks_on_the_source_grid_though_scripts_share_a_name(tmp_path, volume):
    for threshold in (1000, 3000):
        bundle = make_threshold_bundle(tmp_path / str(threshold), threshold=threshold)
        mask = run_bundle(bundle, volume, "cpu").mask_zyx
        assert mask.dtype == np.uint8
        assert np.array_equal(mask, volume.array_zyx > threshold)


def test_segment_with_bundle_names_and_measures_what_it_found(tmp_path, volume):
    bundle = make_threshold_bundle(tmp_path / "b", threshold=2000)
    result = segment_with_bundle(bundle, volume, "cpu")
    (brain,) = result.segments
    assert brain.property_type == ("12738006", "SCT", "Brain")
    expected = (volume.array_zyx > 2000).sum() * 3.0 / 1000
    assert result.measurements[0].value == pytest.approx(expected)
    assert result.device == "cpu"


def test_channels_are_probabilities_and_their_largest_is_the_label(tmp_path, volume):
    bundle = make_soft_bundle(tmp_path / "b", threshold=2000)

    result = segment_with_bundle(bundle, volume, "cpu")

    assert np.array_equal(result.mask_zyx, volume.array_zyx > 2000)
    assert result.probability_zyxc is not None
    expected = np.clip(volume.array_zyx / 4000, 0, 1)
    assert result.probability_zyxc.shape == (*expected.shape, 1)
    assert np.allclose(result.probability_zyxc[..., 0], expected, atol=1e-3)


def test_channels_that_are_no_probabilities_are_refused(tmp_path, volume):
    bundle = make_soft_bundle(tmp_path / "b", threshold=2000, scale=7.0)
    with pytest.raises(BundleRunError, match=r"2 channels from 0 to 7"):
        segment_with_bundle(bundle, volume, "cpu")


def test_segment_with_bundle_that_finds_nothing_says_so(tmp_path, volume):
    bundle = make_threshold_bundle(tmp_path / "b", threshold=9999)
    result = segment_with_bundle(bundle, volume, "cpu")
    assert result.segments == ()
    assert result.notes


def test_segment_with_bundle_refuses_another_modality(tmp_path, volume):
    bundle = make_threshold_bundle(tmp_path / "b", threshold=1, modality="CT")
    with pytest.raises(UnsupportedInputError, match="CT"):
        segment_with_bundle(bundle, volume, "cpu")


def test_run_bundle_that_fails_gives_its_last_words(tmp_path, volume):
    bundle = make_threshold_bundle(tmp_path / "b", threshold=1, run="$1/0")
    with pytest.raises(BundleRunError, match="division by zero"):
        run_bundle(bundle, volume, "cpu")


def test_run_bundle_that_hangs_is_ended(tmp_path, volume):
    bundle = make_threshold_bundle(
        tmp_path / "b", threshold=1, run="$__import__('time').sleep(600)"
    )
    with pytest.raises(BundleRunError, match="more than"):
        run_bundle(bundle, volume, "cpu", job=BundleJob(timeout_s=2))


def test_run_bundle_that_writes_nothing_is_an_error_and_it_sees_no_secrets(
    tmp_path, volume, monkeypatch
):
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    check = "$1/('DATABASE_URL' not in __import__('os').environ)"
    bundle = make_threshold_bundle(tmp_path / "b", threshold=1, run=check)
    with pytest.raises(BundleRunError, match="0 images"):
        run_bundle(bundle, volume, "cpu")


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_brain_bundle_on_icbm152_agrees_with_its_tissue_masks(shared_models):
    """MeshNet light reaches Dice .839 (white) and .790 (grey) on the template."""
    array, affine = read_nifti_lps(ICBM152 / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    volume = read_volume(make_mr_series(array, affine)[::-1])

    result = segment_with_bundle(shared_models / "brain_t1_meshnet_light", volume, "cpu")

    assert [one.label for one in result.segments] == ["White matter", "Grey matter"]
    for value, tissue, least in ((1, "wm", 0.83), (2, "gm", 0.78)):
        truth, _ = read_nifti_lps(
            ICBM152 / f"mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz"
        )
        assert dice(result.mask_zyx == value, truth > truth.max() / 2) > least

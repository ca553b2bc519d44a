"""What a bundle needs is said before it is run."""

import json
from importlib.metadata import version

import pytest

from inference.errors import BundleRunError
from inference.pipelines import bundle_packages
from inference.pipelines.bundle_packages import needs_torchvision, require_packages
from tests.builders.bundles import make_finding_bundle

RETINANET = {"network_def": {"_target_": "RetinaNet", "spatial_dims": 3, "num_classes": 1}}


@pytest.fixture
def retinanet(tmp_path):
    bundle = make_finding_bundle(tmp_path / "retinanet", threshold=1)
    (bundle / "configs" / "inference.json").write_text(json.dumps(RETINANET))
    return bundle


def test_a_retinanet_without_torchvision_says_which_to_install(retinanet, monkeypatch):
    monkeypatch.setattr(bundle_packages, "find_spec", lambda _name: None)
    minor = int(version("torch").split(".")[1])

    with pytest.raises(BundleRunError, match=rf"torchvision==0\.{minor + 15}\.\*"):
        require_packages(retinanet)


def test_with_torchvision_it_may_run(retinanet, monkeypatch):
    monkeypatch.setattr(bundle_packages, "find_spec", lambda _name: object())
    require_packages(retinanet)


def test_other_bundles_need_none(tmp_path):
    bundle = make_finding_bundle(tmp_path / "finder", threshold=1)
    assert not needs_torchvision(bundle)
    require_packages(bundle)

import json

import numpy as np
import pytest
import torch

from deploy.demo.labelled_nodules import make_phantom
from deploy.demo.nodule_detector import DetectorPlan, detections_of, truth_of, write_bundle
from inference.bundles.loading import load_state_dict
from inference.pipelines.bundle_metadata import read_metadata
from inference.pipelines.detection import load_network, make_network
from inference.training.froc import froc, is_hit
from tests.builders.nodule_case import BUNDLE


@pytest.fixture(scope="module")
def phantom():
    """The first of some chests that has nodules."""
    for number in range(10):
        made = make_phantom(f"test {number}")
        if len(made.nodules) >= 3:
            return made
    raise AssertionError("no chest with three nodules among ten")


def test_the_same_name_gives_the_same_chest(phantom):
    again = make_phantom(phantom.name)
    assert np.array_equal(again.volume_zyx, phantom.volume_zyx)
    assert again.nodules == phantom.nodules


def test_nodules_are_denser_than_lung_where_the_label_says(phantom):
    for nodule in phantom.nodules:
        z, y, x = np.round(np.divide(nodule.centre_mm_zyx, phantom.spacing_mm_zyx)).astype(int)
        around = phantom.volume_zyx[z, y - 1 : y + 2, x - 1 : x + 2]
        assert around.mean() > -500


@pytest.mark.slow
def test_the_shipped_detector_finds_most_of_what_it_never_saw(phantom):
    network = load_network(load_state_dict(BUNDLE / "models" / "model.pt"))
    threshold = read_metadata(BUNDLE).declared.config["threshold"]
    found = [one for one in detections_of(network, phantom) if one.score >= threshold]
    truth = truth_of(phantom)
    hits = sum(any(is_hit(one, target) for one in found) for target in truth)
    assert hits >= len(truth) / 2
    alarms = sum(not any(is_hit(one, target) for target in truth) for one in found)
    assert alarms <= 2


def test_a_bundle_says_what_it_is_and_how_good(tmp_path):
    result = froc([truth_of(make_phantom("empty", at_most=0))], [[]], resamples=2)
    write_bundle(tmp_path, make_network().state_dict(), 0.5, (DetectorPlan(), result, 1.0))
    declared = read_metadata(tmp_path).declared
    assert declared.pipeline == "heatmap_detector"
    assert declared.config["threshold"] == 0.5
    config = json.loads((tmp_path / "configs" / "inference.json").read_text(encoding="utf-8"))
    assert config["network_def"]["_target_"] == "UNet"
    assert "phantoms" in (tmp_path / "docs" / "model_card.md").read_text(encoding="utf-8")
    assert load_network(torch.load(tmp_path / "models" / "model.pt", weights_only=True))  # noqa: TID251

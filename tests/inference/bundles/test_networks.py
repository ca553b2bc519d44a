from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from inference.bundles.networks import build_network, load_arrays, load_weights, open_network
from inference.errors import BundleInvalidError, BundleNotTrustedError
from tests.builders.declared_bundles import make_declared_bundle, make_network

FORMATS = ["model.pt", "model.safetensors", "model.onnx", "model.ts"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_answers_as_the_network_it_was_made_of(tmp_path, name):
    bundle = make_declared_bundle(tmp_path / "b", weights=name)
    image = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(1))

    with torch.inference_mode():
        answer = open_network(bundle, threads=1)(image)
        expected = make_network()(image)

    assert torch.allclose(answer, expected, atol=1e-4)


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_weights_are_refused(tmp_path, name):
    bundle = make_declared_bundle(tmp_path / "b", weights=name)
    path = bundle / "models" / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleInvalidError, match="holds no readable"):
        open_network(bundle)


def test_numbers_that_are_none_are_refused(tmp_path):
    torch.save({"weight": torch.tensor([1.0, torch.nan])}, tmp_path / "model.pt")
    np.savez(tmp_path / "model.npz", weight=np.array([np.inf]))
    with pytest.raises(BundleInvalidError, match="numbers that are none, in weight"):
        load_weights(tmp_path / "model.pt")
    with pytest.raises(BundleInvalidError, match="numbers that are none, in weight"):
        load_arrays(tmp_path / "model.npz")


def test_arrays_with_objects_are_refused(tmp_path):
    np.savez(tmp_path / "model.npz", weight=np.array([{}], dtype=object))
    with pytest.raises(BundleInvalidError, match="no readable arrays"):
        load_arrays(tmp_path / "model.npz")


def test_a_state_dict_inside_a_checkpoint_is_found(tmp_path):
    torch.save({"model": make_network().state_dict()}, tmp_path / "model.pt")
    make_network().load_state_dict(load_weights(tmp_path / "model.pt"))


def test_a_network_of_other_parts_is_never_built(tmp_path):
    with pytest.raises(BundleNotTrustedError):
        build_network({"network_def": {"_target_": "os.getcwd"}})
    with pytest.raises(BundleInvalidError, match="describes no network"):
        build_network({"network_def": {"_target_": "Compose", "transforms": []}})
    with pytest.raises(BundleInvalidError, match="can't build"):
        build_network({"network_def": {"_target_": "UNet", "nonsense": 1}})


def test_weights_without_a_network_are_refused(tmp_path):
    bundle = make_declared_bundle(tmp_path / "b")
    (bundle / "configs" / "inference.json").write_text(json.dumps({}))
    with pytest.raises(BundleInvalidError, match="no network_def"):
        open_network(bundle)

import pytest
import torch

from inference.bundles.loading import load_state_dict
from inference.bundles.networks import load_weights
from inference.pipelines.brain_network import BrainTissueNet
from inference.pipelines.bundle_metadata import check_metadata, read_metadata
from inference.training.brain_tissue import loop
from inference.training.brain_tissue.bundle import write_bundle
from inference.training.brain_tissue.loop import Plan, train


@pytest.fixture
def plan(monkeypatch, atlas):
    monkeypatch.setattr(loop, "load_atlas", lambda: atlas)
    return Plan(steps=3, side=48, cube=32)


def test_train_keeps_a_checkpoint_and_goes_on_from_it(tmp_path, plan):
    said = []
    checkpoint = train(tmp_path, plan, say=said.append)
    first = load_state_dict(checkpoint)
    assert first["steps"] == 3
    assert "step 3" in said[-1]

    train(tmp_path, Plan(steps=5, side=48, cube=32), say=said.append)

    again = load_state_dict(checkpoint)
    assert again["steps"] == 5
    assert again["seconds"] > first["seconds"]


def test_training_that_is_over_changes_nothing(tmp_path, plan):
    checkpoint = train(tmp_path, plan, say=lambda line: None)
    before = checkpoint.read_bytes()
    train(tmp_path, plan, say=lambda line: None)
    assert checkpoint.read_bytes() == before


def test_write_bundle_round_trip(tmp_path, plan):
    checkpoint = train(tmp_path, plan, say=lambda line: None)

    bundle = write_bundle(checkpoint, tmp_path / "bundle", {"icbm152_white_dice": 0.9})

    check_metadata(bundle)
    metadata = read_metadata(bundle)
    assert metadata.declared.pipeline == "brain_tissue"
    assert metadata.declared.metrics == {"icbm152_white_dice": 0.9}
    assert metadata.labels[2] == "Grey matter"
    assert "| icbm152 white dice | 0.900 |" in (bundle / "docs" / "model_card.md").read_text()
    weights = load_weights(bundle / "models" / "model.safetensors")
    assert all(tensor.dtype == torch.float16 for tensor in weights.values())
    network = BrainTissueNet()
    network.load_state_dict(weights)
    kept = load_state_dict(checkpoint)["average"]
    for name, tensor in network.state_dict().items():
        assert torch.allclose(tensor, kept[name], atol=1e-3)

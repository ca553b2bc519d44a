"""The networks that are trained, and those that registered models lend."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from monai.networks.nets.densenet import DenseNet

from inference.errors import UnsupportedInputError
from inference.training.backbones import VectorClassifier, build_image_classifier
from inference.training.feeding import ImageFeed, VectorFeed
from inference.training.recipe import AUGMENTATIONS, Recipe

SMALL: dict[str, Any] = {"spatial_dims": 2, "in_channels": 1, "out_channels": 5, "init_features": 8}
SMALL |= {"growth_rate": 4, "block_config": [2, 2]}


def recipe(**values) -> Recipe:
    return Recipe(name="x", label_set="y", **{"image_side": 32, "is_frozen": False, **values})


def make_bundle(folder, definition, weights):
    (folder / "configs").mkdir()
    (folder / "models").mkdir()
    (folder / "configs" / "metadata.json").write_text('{"version": "1"}')
    (folder / "configs" / "inference.json").write_text(json.dumps({"network_def": definition}))
    torch.save(weights, folder / "models" / "model.pt")
    return folder


@pytest.mark.parametrize("name", ["lite0", "densenet121", "resnet18", "resnet50", "vit"])
def test_backbone_scores_grey_images(name):
    network = build_image_classifier(recipe(backbone=name), 3).eval()

    with torch.no_grad():
        assert network(torch.rand(2, 1, 32, 32)).shape == (2, 3)


def test_frozen_backbone_learns_its_last_layer_alone():
    network = build_image_classifier(recipe(backbone="densenet121", is_frozen=True), 3)

    learned = [name for name, one in network.named_parameters() if one.requires_grad]
    assert learned == ["body.class_layers.out.1.weight", "body.class_layers.out.1.bias"]


def test_weights_of_photographs_are_begun_with_unless_from_scratch():
    known = build_image_classifier(recipe(), 2).state_dict()
    again = build_image_classifier(recipe(seed=9), 2).state_dict()
    scratch = build_image_classifier(recipe(is_pretrained=False), 2).state_dict()

    name = "body.features.0.weight"
    assert torch.equal(known[name], again[name])
    assert not torch.equal(known[name], scratch[name])


def test_bundle_of_monai_lends_the_weights_that_fit(tmp_path):
    source = DenseNet(**SMALL)
    bundle = make_bundle(tmp_path, {"_target_": "DenseNet", **SMALL}, source.state_dict())

    network = build_image_classifier(recipe(backbone="model:any"), 2, start=bundle).eval()

    lent = network.state_dict()["body.features.conv0.weight"]
    assert torch.equal(lent, source.state_dict()["features.conv0.weight"])
    assert network(torch.rand(1, 1, 32, 32)).shape == (1, 2)


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        ({"_target_": "UNet", "spatial_dims": 2}, "not 'UNet'"),
        ({"_target_": "DenseNet", **SMALL, "act": "$import os"}, "expression"),
        ({"_target_": "DenseNet", **SMALL, "spatial_dims": 3}, "two dimensions"),
        ("$network", "not ''"),
    ],
)
def test_other_bundles_are_refused_with_a_reason(tmp_path, definition, why):
    bundle = make_bundle(tmp_path, definition, {})

    with pytest.raises(UnsupportedInputError, match=why.replace("$", r"\$")):
        build_image_classifier(recipe(backbone="model:any"), 2, start=bundle)


def test_transformer_says_which_sides_it_takes():
    with pytest.raises(UnsupportedInputError, match="multiple of 16"):
        build_image_classifier(recipe(backbone="vit", image_side=50), 2)


def test_vectors_are_taken_flat_and_as_pictures_of_one_pixel():
    vectors = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    network = VectorClassifier(vectors, 3, 0.5).eval()
    given = torch.from_numpy(vectors)

    assert torch.equal(network(given), network(given[:, :, None, None]))


def test_epoch_draws_the_same_again_and_another_epoch_otherwise():
    pictures = np.random.default_rng(0).integers(0, 255, (9, 32, 32), dtype=np.uint8)
    feed = ImageFeed(pictures, np.arange(9) % 3, recipe(augmentation=AUGMENTATIONS, batch_size=4))
    rows = np.arange(9)

    first, again, other = (
        torch.cat([images for images, _ in feed.batches(rows, epoch)]) for epoch in (1, 1, 2)
    )

    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    # A batch of one is left out: batch normalisation learns nothing of it.
    assert first.shape == (8, 1, 32, 32)
    assert first.min() >= 0
    assert first.max() <= 1
    judged = torch.cat([images for images, _ in feed.batches(rows)])
    assert torch.equal(judged, torch.from_numpy(pictures / np.float32(255))[:, None])


def test_vectors_of_an_epoch_are_of_any_variant_and_judged_ones_of_the_first():
    variants = np.stack([np.full((6, 4), value, dtype=np.float32) for value in range(3)])
    feed = VectorFeed(variants, np.zeros(6, dtype=np.int64), recipe())

    drawn = torch.cat([v for epoch in range(6) for v, _ in feed.batches(np.arange(6), epoch)])
    judged = torch.cat([vectors for vectors, _ in feed.batches(np.arange(6))])

    assert set(drawn.unique().tolist()) == {0.0, 1.0, 2.0}
    assert judged.unique().tolist() == [0.0]

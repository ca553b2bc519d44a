"""Bundles without code: a network by allowed parts, weights in every format."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

_NETWORK = {
    "_target_": "UNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [4, 8],
    "strides": [2],
}


def make_declared_bundle(
    folder: Path,
    *,
    weights: str = "model.pt",
    channels: int = 2,
    config: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
) -> Path:
    """Write a bundle that segments with a small UNet and needs no trust.

    ``weights`` names the file and by that the format; ``channels`` is what the metadata says of
    the output, of which the network has two.
    """
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True)
    inference = {
        "network_def": _NETWORK,
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image"},
                {"_target_": "EnsureChannelFirstd", "keys": "image"},
                {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
                {"_target_": "DivisiblePadd", "keys": "image", "k": 4},
                {"_target_": "ScaleIntensityd", "keys": "image"},
            ],
        },
        **(config or {}),
    }
    (folder / "configs" / "inference.json").write_text(json.dumps(inference))
    described = {
        "version": "1.0.0",
        "name": "small UNet",
        "task": "segmentation of nothing much",
        "intended_use": "tests",
        "network_data_format": {
            "inputs": {
                "image": {
                    "modality": "MR",
                    "num_channels": 1,
                    "spatial_shape": ["4*n", "4*n", "4*n"],
                }
            },
            "outputs": {
                "pred": {
                    "num_channels": channels,
                    "channel_def": {str(key): f"part {key}" for key in range(channels)},
                }
            },
        },
        **(metadata or {}),
    }
    (folder / "configs" / "metadata.json").write_text(json.dumps(described))
    (folder / "docs" / "model_card.md").write_text("# Small UNet\n\nFor tests.\n")
    write_weights(folder / "models" / weights)
    return folder


def make_network() -> torch.nn.Module:
    """Return the network that the bundles describe, with the same weights every time."""
    from monai.networks.nets import UNet

    torch.manual_seed(0)
    shape = {key: value for key, value in _NETWORK.items() if key != "_target_"}
    return UNet(**shape).eval()


def write_weights(path: Path) -> None:
    """Write the network's weights in the format that the name says."""
    with warnings.catch_warnings():
        # Tracing is deprecated, and tells of branches that don't matter here.
        warnings.simplefilter("ignore")
        _write(path)


def _write(path: Path) -> None:
    network = make_network()
    example = torch.zeros(1, 1, 64, 64, 64)
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(network.state_dict(), path)
    elif path.suffix == ".ts":
        torch.jit.trace(network, example).save(str(path))
    elif path.suffix == ".onnx":
        axes = {"image": {0: "n", 2: "x", 3: "y", 4: "z"}}
        names = {"input_names": ["image"], "output_names": ["pred"], "dynamic_axes": axes}
        torch.onnx.export(network, (example,), str(path), dynamo=False, opset_version=17, **names)
    elif path.suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in network.state_dict().items()})
    else:
        torch.save(network.state_dict(), path)


def zipped(folder: Path, target: Path) -> Path:
    """Pack a bundle with its folder, as the Model Zoo does; return the zip."""
    made = shutil.make_archive(str(target), "zip", folder.parent, folder.name)
    return Path(made)

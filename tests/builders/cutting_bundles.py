"""Bundles without code whose network cuts at grey values, so that the right answer is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

if TYPE_CHECKING:
    from pathlib import Path

_STEEP = 1000.0


def make_cutting_bundle(
    folder: Path,
    weights: dict[str, list[float]],
    *,
    has_background: bool = True,
    names: list[str] | None = None,
    before: list[dict[str, Any]] | None = None,
    metadata: dict[str, Any] | None = None,
) -> Path:
    """Write a bundle that labels what is above thresholds of the image scaled from 0 to 1.

    ``weights`` names the files, and for each the threshold of every label. With a background the
    labels exclude each other; without one each has a channel of its own and they may overlap.
    """
    for name in ("configs", "models"):
        (folder / name).mkdir(parents=True)
    labels = len(next(iter(weights.values())))
    channels = labels + has_background
    known = names or [f"part {number}" for number in range(1, labels + 1)]
    called = (["background"] if has_background else []) + known
    config = _config(channels, before or [], has_background=has_background)
    (folder / "configs" / "inference.json").write_text(json.dumps(config))
    described = {
        "version": "1.0.0",
        "name": "cuts at grey values",
        "task": "segmentation",
        "network_data_format": {
            "inputs": {"image": {"modality": "MR", "num_channels": 1}},
            "outputs": {
                "pred": {
                    "num_channels": channels,
                    "channel_def": {str(key): name for key, name in enumerate(called)},
                }
            },
        },
        **(metadata or {}),
    }
    (folder / "configs" / "metadata.json").write_text(json.dumps(described))
    for name, thresholds in weights.items():
        save_file(_tensors(thresholds, has_background=has_background), folder / "models" / name)
    return folder


def _config(channels: int, before: list[dict[str, Any]], *, has_background: bool) -> dict[str, Any]:
    network = {"in_channels": 1, "out_channels": channels, "kernel_size": 1}
    answer = {"argmax": True} if has_background else {"threshold": 0.5}
    squash = {"_target_": "Activationsd", "keys": "pred", "sigmoid": True}
    return {
        "network_def": {"_target_": "torch.nn.Conv3d", **network},
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image"},
                {"_target_": "EnsureChannelFirstd", "keys": "image"},
                {"_target_": "ScaleIntensityd", "keys": "image"},
                *before,
            ],
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                *([] if has_background else [squash]),
                {"_target_": "AsDiscreted", "keys": "pred", **answer},
            ],
        },
    }


def _tensors(thresholds: list[float], *, has_background: bool) -> dict[str, torch.Tensor]:
    cuts = torch.tensor(thresholds)
    steep = _STEEP * torch.arange(1, len(cuts) + 1)
    bias, weight = -steep * cuts, steep.float()
    if has_background:
        bias, weight = torch.cat([torch.zeros(1), bias]), torch.cat([torch.zeros(1), weight])
    return {"weight": weight.reshape(-1, 1, 1, 1, 1).contiguous(), "bias": bias.contiguous()}

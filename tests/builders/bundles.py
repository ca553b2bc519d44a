"""Small MONAI bundles that run in a few seconds."""

import json
from pathlib import Path

_SCRIPT = '''
class Threshold:
    """Label 1 where the image is above a value, which this bundle's own script knows."""

    def __call__(self, data):
        data["image"] = (data["image"] > {threshold}).to(data["image"].dtype)
        return data
'''


_SOFT_SCRIPT = '''
import torch


class Threshold:
    """A channel for the background and one for label 1, from 0 to {scale}."""

    def __call__(self, data):
        share = (data["image"] / {threshold} / 2).clamp(0, 1)
        data["image"] = torch.cat([1 - share, share]) * {scale}
        return data
'''


def make_soft_bundle(folder: Path, *, threshold: float, scale: float = 1.0) -> Path:
    """Write a bundle that gives probabilities: one half where the image is at the threshold."""
    make_threshold_bundle(folder, threshold=threshold)
    script = _SOFT_SCRIPT.format(threshold=threshold, scale=scale)
    (folder / "scripts" / "threshold.py").write_text(script)
    return folder


def make_threshold_bundle(
    folder: Path, *, threshold: float, modality: str = "MR", run: str | None = None
) -> Path:
    """Write a bundle whose ``scripts`` package thresholds the image; `run` replaces its run."""
    for name in ("configs", "scripts"):
        (folder / name).mkdir(parents=True)
    (folder / "scripts" / "__init__.py").write_text("")
    (folder / "scripts" / "threshold.py").write_text(_SCRIPT.format(threshold=threshold))
    config = {
        "bundle_root": ".",
        "image": "",
        "output_dir": ".",
        "device": "$torch.device('cpu')",
        "pipeline": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image"},
                {"_target_": "EnsureChannelFirstd", "keys": "image"},
                {"_target_": "scripts.threshold.Threshold"},
                {
                    "_target_": "SaveImaged",
                    "keys": "image",
                    "output_dir": "@output_dir",
                    "output_postfix": "seg",
                    "separate_folder": False,
                    "resample": False,
                    "print_log": False,
                },
            ],
        },
        "run": [run or "$@pipeline({'image': @image})"],
    }
    (folder / "configs" / "inference.json").write_text(json.dumps(config))
    metadata = {
        "version": "1.0.0",
        "name": f"threshold {threshold}",
        "network_data_format": {
            "inputs": {"image": {"modality": modality}},
            "outputs": {"pred": {"channel_def": {"0": "background", "1": "brain"}}},
        },
    }
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    return folder


_FINDER = '''
import json

import nibabel
import numpy as np


def find(image, folder):
    """A box around what is brighter than a value, in LPS as MONAI's detection bundles write it."""
    loaded = nibabel.load(image)
    places = np.argwhere(np.asarray(loaded.dataobj) > {threshold})
    if not len(places):
        write(folder, [{{"box": [], "label": [], "label_scores": [], "image": image}}])
        return
    low, high = places.min(axis=0) - 0.5, places.max(axis=0) + 0.5
    corners = np.array([[*low, 1.0], [*high, 1.0]]) @ loaded.affine.T * [-1.0, -1.0, 1.0, 1.0]
    centre, sides = corners[:, :3].mean(axis=0), np.abs(corners[1] - corners[0])[:3]
    box = [*centre.tolist(), *sides.tolist()]
    found = {{"box": [box, box], "label": [0, 0], "label_scores": [0.9, 0.1], "image": image}}
    write(folder, [found])


def write(folder, found):
    with open(folder + "/result.json", "w") as file:
        json.dump(found, file)
'''


def make_finding_bundle(folder: Path, *, threshold: float, modality: str = "CT") -> Path:
    """Write a bundle that detects: its ``scripts`` package puts a box around what is bright."""
    for name in ("configs", "scripts"):
        (folder / name).mkdir(parents=True)
    (folder / "scripts" / "__init__.py").write_text("")
    (folder / "scripts" / "finder.py").write_text(_FINDER.format(threshold=threshold))
    config = {
        "imports": ["$from scripts.finder import find"],
        "bundle_root": ".",
        "image": "",
        "output_dir": ".",
        "device": "$torch.device('cpu')",
        "run": ["$find(@image, @output_dir)"],
    }
    (folder / "configs" / "inference.json").write_text(json.dumps(config))
    metadata = {
        "version": "1.0.0",
        "name": "finder",
        "task": "Detection of bright things",
        "network_data_format": {
            "inputs": {"image": {"modality": modality}},
            "outputs": {"pred": {"channel_def": {"0": "bright_nodule"}}},
        },
    }
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    return folder

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

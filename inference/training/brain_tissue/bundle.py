"""A trained network as the bundle of the distribution: half-precision weights, metadata, card."""

import json
import string
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from inference.bundles.loading import load_state_dict
from inference.pipelines.brain import SEGMENTS
from inference.pipelines.brain_network import CLASSES

NAME = "brain_tissue_t1"
VERSION = "1"
USE = (
    "Volumes of white and grey matter of adults on T1-weighted MR of the whole head without "
    "contrast agent. Research and teaching; not for diagnosis."
)
# See `inference.bundles.gates`.
INPUTS: dict[str, Any] = {
    "modalities": ["MR"],
    "body_parts": ["HEAD", "BRAIN"],
    "dimensions": 3,
    "minimum_instances": 24,
    "contrast": False,
    "spacing_mm": [0.3, 2.5],
    "slice_spacing_mm": [0.3, 6.0],
    "age_from": 16,
    "accept_unknown": ["age", "slice_spacing_mm"],
}
_CARD = Path(__file__).with_name("model_card.md.txt")


def write_bundle(checkpoint: Path, bundle_dir: Path, figures: dict[str, float]) -> Path:
    """Write the averaged weights of a training as a bundle; return its folder.

    Parameters
    ----------
    checkpoint : of `inference.training.brain_tissue.loop.train`
    bundle_dir : folder to write; files of an earlier bundle are replaced
    figures : what was measured, by name, such as ``icbm152_white_dice``
    """
    kept = load_state_dict(checkpoint)
    weights = {name: tensor.to(torch.float16) for name, tensor in kept["average"].items()}
    for folder in ("configs", "docs", "models"):
        (bundle_dir / folder).mkdir(parents=True, exist_ok=True)
    save_file(weights, bundle_dir / "models" / "model.safetensors")
    metadata = _metadata(figures, steps=int(kept["steps"]), hours=float(kept["seconds"]) / 3600)
    text = json.dumps(metadata, indent=1, ensure_ascii=False) + "\n"
    (bundle_dir / "configs" / "metadata.json").write_text(text, encoding="utf-8")
    card = string.Template(_CARD.read_text(encoding="utf-8")).substitute(
        steps=kept["steps"],
        minutes=round(float(kept["seconds"]) / 60),
        parameters=f"{sum(tensor.numel() for tensor in weights.values()):,}",
        figures="\n".join(
            f"| {name.replace('_', ' ')} | {value:.3f} |" for name, value in figures.items()
        ),
    )
    (bundle_dir / "docs" / "model_card.md").write_text(card, encoding="utf-8")
    return bundle_dir


def _metadata(figures: dict[str, float], *, steps: int, hours: float) -> dict[str, Any]:
    shape = ["16*n"] * 3
    names = {"0": "background"} | {str(one.number): one.label for one in SEGMENTS}
    return {
        "schema": (
            "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/"
            "0.8.1/meta_schema_20240725.json"
        ),
        "version": VERSION,
        "changelog": {VERSION: f"{steps} steps, {hours:.1f} h"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch").split("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {"safetensors": version("safetensors")},
        "name": NAME,
        "task": "Segment white matter, grey matter and CSF in T1 MR heads",
        "description": "White matter, grey matter and CSF on T1-weighted MR heads, by a UNet.",
        "authors": "Twinsight",
        "copyright": "Weights: Apache-2.0. ICBM152: (C) 1993-2004 Louis Collins, McGill University",
        "data_source": "ICBM152 2009a nonlinear symmetric, in the wheel of nilearn",
        "data_type": "dicom",
        "intended_use": USE,
        "eval_metrics": figures,
        "network_data_format": {
            "inputs": {"image": _tensor(shape, 1, [0, 1.2], {"0": "T1"}, modality="MR")},
            "outputs": {"pred": _tensor(shape, CLASSES, [0, 1], names)},
        },
        "twinsight": {
            "task": "segment",
            "pipeline": "brain_tissue",
            "inputs": INPUTS,
            "labels": [_label(*one.property_type, name=one.label) for one in SEGMENTS],
            "metrics": figures,
            "licence": "Apache-2.0",
            "weights": "models/model.safetensors",
        },
    }


def _tensor(
    shape: list[str],
    channels: int,
    value_range: list[float],
    names: dict[str, str],
    **more: str,
) -> dict[str, Any]:
    return {
        "type": "image",
        "format": "segmentation" if channels > 1 else "magnitude",
        "num_channels": channels,
        "spatial_shape": shape,
        "dtype": "float32",
        "value_range": value_range,
        "is_patch_data": True,
        "channel_def": names,
        **more,
    }


def _label(code: str, scheme: str, meaning: str, *, name: str) -> dict[str, str]:
    return {"name": name, "code": code, "scheme": scheme, "meaning": meaning}

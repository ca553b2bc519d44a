"""A trained UNet as a MONAI bundle of allowed parts only; exports are checked to answer alike."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import torch
from monai.networks.nets.unet import UNet
from safetensors.torch import save_file
from torch import nn

from inference.errors import BundleInvalidError
from inference.training.bundle_writing import LICENCE, TOLERANCE
from inference.training.segmentation.cards import mask_card
from inference.training.segmentation.feeding import OVERLAP

if TYPE_CHECKING:
    from pathlib import Path

    from inference.training.recipe import Recipe
    from inference.training.segmentation.datasets import MaskData
    from inference.training.segmentation.preparing import Preparation

INTENDED_USE = "Research: measuring and sorting in an archive. Not for diagnosis."
_OPSET = 17
_WEIGHTS = "models/model.safetensors"
_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)


@dataclass(frozen=True, eq=False)
class TrainedMasks:
    """A network that was trained on masks, and what was measured of it.

    Attributes
    ----------
    network : on the CPU, with its best weights
    recipe, data : what it was made by and of
    preparation : how volumes come to it
    metrics : from `evaluation`
    version : of the bundle
    inputs : what it may run on, see `inference.bundles.gates`
    notes : Markdown for the end of the card
    """

    network: nn.Module
    recipe: Recipe
    data: MaskData
    preparation: Preparation
    metrics: dict[str, Any]
    version: str = "1"
    inputs: dict[str, Any] = field(default_factory=dict)
    notes: str = ""


def network_of(recipe: Recipe, classes: int) -> nn.Module:
    """Return the UNet of a recipe, with weights drawn by its seed."""
    torch.manual_seed(recipe.seed)
    arguments = {key: value for key, value in _described(recipe, classes).items() if key[0] != "_"}
    return UNet(**arguments)


def write_mask_bundle(trained: TrainedMasks, bundle_dir: Path) -> dict[str, float]:
    """Write the bundle; what is there under its names is replaced as a whole.

    Parameters
    ----------
    trained : the network
    bundle_dir : made or overwritten

    Returns
    -------
    largest differences of the exported probabilities: ``onnx`` and ``torchscript``

    Raises
    ------
    BundleInvalidError
        An exported network answers otherwise than the trained one.
    """
    for name in ("configs", "models", "docs"):
        shutil.rmtree(bundle_dir / name, ignore_errors=True)
        (bundle_dir / name).mkdir(parents=True)
    network = trained.network.cpu().eval()
    save_file(
        {name: value.contiguous() for name, value in network.state_dict().items()},
        bundle_dir / _WEIGHTS,
    )
    models = bundle_dir / "models"
    example = _example(trained, rows=1)
    spatial = {0: "n", 2: "x", 3: "y", 4: "z"}
    with torch.no_grad(), warnings.catch_warnings():
        # The tracing exporters are deprecated; the comparison below shows the result to be right.
        warnings.simplefilter("ignore")
        trace: Any = torch.jit.trace
        torch.jit.save(trace(network, (example,)), str(models / "model.ts"))
        torch.onnx.export(
            network, (example,), str(models / "model.onnx"),
            input_names=["image"], output_names=["pred"],
            dynamic_axes={"image": spatial, "pred": spatial},
            opset_version=_OPSET, dynamo=False,
        )  # fmt: skip
    trained.metrics["export"] = differences = _compare(network, trained, models)
    _write_json(bundle_dir / "configs" / "metadata.json", _metadata(trained))
    _write_json(bundle_dir / "configs" / "inference.json", _inference(trained))
    card = mask_card(trained.recipe, trained.data, trained.preparation, trained.metrics)
    text = "\n\n".join(part for part in (card.strip(), trained.notes.strip()) if part) + "\n"
    (bundle_dir / "docs" / "model_card.md").write_text(text, encoding="utf-8")
    return differences


def _compare(network: nn.Module, trained: TrainedMasks, models: Path) -> dict[str, float]:
    batch = _example(trained, rows=2)
    load: Any = torch.jit.load
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        str(models / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    with torch.no_grad():
        answers = {
            "wanted": network(batch),
            "torchscript": load(str(models / "model.ts"))(batch),
            "onnx": torch.from_numpy(session.run(None, {"image": batch.numpy()})[0]),
        }
    shares = {name: torch.softmax(one, dim=1).numpy() for name, one in answers.items()}
    wanted = shares.pop("wanted")
    differences = {name: float(np.abs(one - wanted).max()) for name, one in shares.items()}
    if not all(value <= TOLERANCE for value in differences.values()):
        raise BundleInvalidError("The exported network answers otherwise than the trained one.")
    return differences


def _example(trained: TrainedMasks, *, rows: int) -> torch.Tensor:
    values = np.random.default_rng(rows).random((rows, 1, *trained.preparation.patch))
    return torch.from_numpy(values.astype(np.float32))


def _described(recipe: Recipe, classes: int) -> dict[str, Any]:
    return {
        "_target_": "UNet",
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": classes,
        "channels": [recipe.width * 2**level for level in range(4)],
        "strides": [2, 2, 2],
        "num_res_units": 1,
        "norm": "INSTANCE",
        "dropout": recipe.dropout,
    }


def _inference(trained: TrainedMasks) -> dict[str, Any]:
    """Return what the product does, in MONAI's words: its runs read nothing else."""
    keys = {"keys": "image"}
    transforms = [
        {"_target_": "LoadImaged", **keys},
        {"_target_": "EnsureChannelFirstd", **keys},
        *trained.preparation.steps(),
    ]
    return {
        "network_def": _described(trained.recipe, len(trained.data.labels) + 1),
        "preprocessing": {"_target_": "Compose", "transforms": transforms},
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": list(trained.preparation.patch),
            "sw_batch_size": 1,
            "overlap": OVERLAP,
            "mode": "gaussian",
        },
    }


def _metadata(trained: TrainedMasks) -> dict[str, Any]:
    recipe, data = trained.recipe, trained.data
    names = ", ".join(data.labels)
    return {
        "schema": _SCHEMA,
        "version": trained.version,
        "changelog": {trained.version: "trained"},
        "monai_version": installed_version("monai"),
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": {"safetensors": installed_version("safetensors")},
        "name": recipe.name,
        "task": "Segmentation",
        "description": recipe.description or f"Segments {names}; trained on stored masks.",
        "authors": "Trained with Twinsight",
        "copyright": LICENCE,
        "data_source": "; ".join(sorted(data.origins)),
        "data_type": "dicom",
        "intended_use": INTENDED_USE,
        "eval_metrics": _headlines(trained.metrics),
        "network_data_format": _formats(trained),
        "twinsight": {
            "task": "segment",
            "pipeline": "bundle",
            "weights": _WEIGHTS,
            "licence": LICENCE,
            "inputs": trained.inputs,
            "labels": [
                {
                    "name": one.name,
                    "code": one.property_type[0],
                    "scheme": one.property_type[1],
                    "meaning": one.property_type[2],
                    "category": list(one.category),
                }
                for one in data.structures
            ],
            "metrics": trained.metrics,
            "config": {"recipe": recipe.as_json()},
        },
    }


def _formats(trained: TrainedMasks) -> dict[str, Any]:
    labels = trained.data.labels
    modalities = {one.modality for one in trained.data.samples if one.modality}
    shared = {
        "type": "image",
        "spatial_shape": ["8*n", "8*n", "8*n"],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": True,
    }
    image: dict[str, Any] = shared | {
        "format": "magnitude",
        "num_channels": 1,
        "channel_def": {"0": "grey"},
    }
    if len(modalities) == 1:
        image["modality"] = modalities.pop()
    prediction = shared | {
        "format": "segmentation",
        "num_channels": len(labels) + 1,
        "channel_def": {"0": "background"}
        | {str(value): label for value, label in enumerate(labels, start=1)},
    }
    return {"inputs": {"image": image}, "outputs": {"pred": prediction}}


def _headlines(metrics: dict[str, Any]) -> dict[str, float]:
    found = {name: metrics[name][0] for name in ("mean_dice", "mean_hausdorff_95_mm")}
    return {name: value for name, value in found.items() if value is not None}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")

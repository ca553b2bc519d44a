"""A trained network as a MONAI bundle: state dict, TorchScript, ONNX, metadata, model card.

TorchScript and ONNX are checked to answer as the network does. Importing this imports torch.
"""

import json
import shutil
import warnings
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from inference.errors import BundleInvalidError
from inference.pipelines.classifier import IMAGE, VECTOR, WEIGHTS, TrainedClassifier, local_code
from inference.pipelines.embedding import SPACE_NAME
from inference.pipelines.types import CodeTriple
from inference.training.cards import model_card
from inference.training.datasets import TrainingData
from inference.training.recipe import Recipe

# By how much an exported network's probabilities may differ from the network's own.
TOLERANCE = 1e-4
LICENCE = "Apache-2.0 (weights); the images' own licences are in the model card"
INTENDED_USE = "Research: sorting and search in an archive. Not for diagnosis."
_OPSET = 17
_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)


@dataclass(frozen=True, eq=False)
class Trained:
    """A network that was trained, and what was measured of it.

    Attributes
    ----------
    network : on the CPU, with its best weights
    recipe, data : what it was made by and of
    temperature : by which its scores are divided
    metrics : from `evaluation` and `subgroups`
    network_name : which network it is, where it began with a registered model
    version : of the bundle
    codes : of labels, where known
    inputs : what it may run on, see `inference.bundles.gates`
    notes : Markdown for the end of the card
    """

    network: nn.Module
    recipe: Recipe
    data: TrainingData
    temperature: float
    metrics: dict[str, Any]
    network_name: str
    version: str = "1"
    codes: dict[str, CodeTriple] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    notes: str = ""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        if self.recipe.is_on_vectors:
            linear: Any = self.network.linear
            # A picture of one pixel, as MONAI's bundles have no vectors.
            return (int(linear.in_features), 1, 1)
        return (1, self.recipe.image_side, self.recipe.image_side)


class _Deployed(nn.Module):
    """The network with its temperature: probabilities."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.network(inputs) / self.temperature, dim=1)


def write_bundle(trained: Trained, bundle_dir: Path) -> dict[str, float]:
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
    deployed = _Deployed(trained.network.cpu().eval(), trained.temperature).eval()
    models = bundle_dir / "models"
    torch.save(trained.network.state_dict(), models / "model.pt")
    example = _example(trained, rows=2)
    with torch.no_grad(), warnings.catch_warnings():
        # The tracing exporters are deprecated; the comparison below shows the result to be right.
        warnings.simplefilter("ignore")
        trace: Any = torch.jit.trace
        torch.jit.save(trace(deployed, (example,)), str(models / "model.ts"))
        torch.onnx.export(
            deployed, (example,), str(bundle_dir / WEIGHTS),
            input_names=["image"], output_names=["pred"],
            dynamic_axes={"image": {0: "n"}, "pred": {0: "n"}},
            opset_version=_OPSET, dynamo=False,
        )  # fmt: skip
    _write_json(bundle_dir / "configs" / "metadata.json", _metadata(trained))
    _write_json(bundle_dir / "configs" / "inference.json", _inference(trained))
    differences = _compare(deployed, trained, bundle_dir)
    trained.metrics["export"] = differences
    _write_json(bundle_dir / "configs" / "metadata.json", _metadata(trained))
    card = model_card(trained.recipe, trained.data, trained.metrics, trained.notes)
    (bundle_dir / "docs" / "model_card.md").write_text(card, encoding="utf-8")
    return differences


def _compare(deployed: nn.Module, trained: Trained, bundle_dir: Path) -> dict[str, float]:
    batch = _example(trained, rows=5)
    load: Any = torch.jit.load
    scripted = load(str(bundle_dir / "models" / "model.ts"))
    with torch.no_grad():
        wanted = deployed(batch).numpy()
        by_script = scripted(batch).numpy()
    by_onnx = TrainedClassifier(bundle_dir).predict(batch.numpy())
    differences = {
        "onnx": float(np.abs(by_onnx - wanted).max()),
        "torchscript": float(np.abs(by_script - wanted).max()),
    }
    if not all(value <= TOLERANCE for value in differences.values()):
        raise BundleInvalidError("The exported network answers otherwise than the trained one.")
    return differences


def _example(trained: Trained, *, rows: int) -> torch.Tensor:
    random = np.random.default_rng(rows)
    values: npt.NDArray[np.float64] = random.random((rows, *trained.input_shape))
    if trained.recipe.is_on_vectors:
        values = values / np.linalg.norm(values, axis=1, keepdims=True)
    return torch.from_numpy(values.astype(np.float32))


def _metadata(trained: Trained) -> dict[str, Any]:
    recipe, labels = trained.recipe, trained.data.labels
    return {
        "schema": _SCHEMA,
        "version": trained.version,
        "changelog": {trained.version: "trained"},
        "monai_version": installed_version("monai"),
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": {"onnxruntime": installed_version("onnxruntime")},
        "name": recipe.name,
        "task": "Classification",
        "description": recipe.description or f"Trained on {_source(recipe)}: {', '.join(labels)}.",
        "authors": "Trained with Twinsight",
        "copyright": LICENCE,
        "data_source": "; ".join(sorted(trained.data.origins)),
        "data_type": "embedding" if recipe.is_on_vectors else "image",
        "intended_use": INTENDED_USE,
        "eval_metrics": _headlines(trained.metrics),
        "network_data_format": _formats(trained),
        "twinsight": {
            "task": "classify",
            "pipeline": "classifier",
            "weights": WEIGHTS,
            "licence": LICENCE,
            "inputs": trained.inputs,
            "labels": [_coded(label, trained.codes) for label in labels],
            "metrics": trained.metrics,
            "config": {
                "input": VECTOR if recipe.is_on_vectors else IMAGE,
                "space": SPACE_NAME if recipe.is_on_vectors else "",
                "image_side": recipe.image_side,
                "question": recipe.label_set or "finding",
                "network": trained.network_name,
                # Where an operator's folder lies on their machine is nobody's business.
                "recipe": recipe.as_json() | {"folder": Path(recipe.folder).name},
            },
        },
    }


def _formats(trained: Trained) -> dict[str, Any]:
    shape = trained.input_shape
    is_vector = trained.recipe.is_on_vectors
    image = {
        "type": "latent" if is_vector else "image",
        "format": "embedding" if is_vector else "magnitude",
        "num_channels": shape[0],
        "spatial_shape": list(shape[1:]),
        "dtype": "float32",
        "value_range": [-1, 1] if is_vector else [0, 1],
        "is_patch_data": False,
        "channel_def": {} if is_vector else {"0": "grey"},
    }
    labels = trained.data.labels
    prediction = {
        "type": "probabilities",
        "format": "classes",
        "num_channels": len(labels),
        "spatial_shape": [],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {str(index): label for index, label in enumerate(labels)},
    }
    return {"inputs": {"image": image}, "outputs": {"pred": prediction}}


def _inference(trained: Trained) -> dict[str, Any]:
    """Return the steps before the network in MONAI's words; the product does them itself."""
    side = trained.recipe.image_side
    transforms: list[dict[str, Any]] = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "ScaleIntensityd", "keys": "image", "minv": 0.0, "maxv": 1.0},
        {"_target_": "Resized", "keys": "image", "spatial_size": side, "size_mode": "longest"},
        {"_target_": "ResizeWithPadOrCropd", "keys": "image", "spatial_size": [side, side]},
    ]
    return {
        "bundle_root": ".",
        "image": "",
        "weights": WEIGHTS,
        "preprocessing": {"_target_": "Compose", "transforms": transforms},
    }


def _headlines(metrics: dict[str, Any]) -> dict[str, float]:
    names = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auc")
    found = {name: metrics.get(name, [None])[0] for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _coded(label: str, codes: dict[str, CodeTriple]) -> dict[str, str]:
    code, scheme, meaning = codes.get(label, local_code(label))
    return {"name": label, "code": code, "scheme": scheme, "meaning": meaning}


def _source(recipe: Recipe) -> str:
    return f"the labels “{recipe.label_set}”" if recipe.label_set else "a folder of images"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")

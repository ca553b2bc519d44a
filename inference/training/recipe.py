"""What a training is asked for: labels, backbone, split, augmentation, schedule. No torch."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from archive.errors import InvalidRequestError

LITE0 = "lite0"
# Networks of MONAI, made in `backbones`; they come without weights unless a model lends its own.
NETWORKS = ("densenet121", "resnet18", "resnet50", "vit")
BACKBONES = (LITE0, *NETWORKS)
# What learns masks: MONAI's UNet, on patches of volumes.
UNET = "unet"
MASKS_BY = ("any", "people", "models")
# Of a registered model: `model:NAME` or `model:NAME:VERSION`.
MODEL_PREFIX = "model:"
# Fields of a recipe that say nothing where the other kind is learned.
OF_MASKS_ALONE = ("masks_by", "patch_side", "patches_per_volume", "voxel_mm", "width")
OF_LABELS_ALONE = (
    "is_frozen",
    "is_pretrained",
    "variants",
    "image_side",
    "images_per_series",
    "folds",
)
AUGMENTATIONS = ("rotate", "flip", "crop", "intensity", "noise")
SCHEDULES = ("cosine", "plateau", "constant")
LITE0_SIDE = 224
_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{1,62}$")
_FALLING = 0.5
_LISTS = ("labels", "segments", "augmentation")
# What is usual where masks are learned: all of a small network, a few patches at once.
_OF_SEGMENTATION: dict[str, Any] = {
    "backbone": UNET,
    "is_frozen": False,
    "is_pretrained": False,
    "batch_size": 4,
    "dropout": 0.0,
}
# The UNet halves a patch so often.
_PATCH_STEP = 8
_MOST_SEGMENTS, _LONGEST = 20, 64
# What a number may be: lowest and highest.
_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 1000),
    "patience": (1, 1000),
    "batch_size": (2, 512),
    "image_side": (32, 1024),
    "variants": (1, 16),
    "folds": (0, 10),
    "images_per_series": (1, 64),
    "patch_side": (16, 160),
    "patches_per_volume": (1, 64),
    "voxel_mm": (0.0, 20.0),
    "width": (4, 64),
    "learning_rate": (1e-7, 1.0),
    "weight_decay": (0.0, 10.0),
    "dropout": (0.0, 0.95),
    "validation_share": (0.05, _FALLING),
    "test_share": (0.05, _FALLING),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training, as it was asked for.

    Attributes
    ----------
    name : of the model to be: small letters, digits, hyphens
    label_set : the archive's labels to learn; empty where a folder of images or segments are given
    labels : which of them, all with enough images where empty
    segments : structures of the archive's SEG objects to learn to segment, each by its segment's
        label or by the code of its property, ``39607008`` or ``SCT:39607008``
    masks_by : whose SEG objects: of `MASKS_BY`
    patch_side, patches_per_volume : voxels of a patch's longest side, and patches of a volume in
        an epoch, where segments are learned
    voxel_mm : edge of a voxel that the network sees; 0 for the median of the series
    width : channels of the UNet's first level
    folder, group : a folder with ``labels.csv``, for the operator's commands only
    backbone : one of `BACKBONES`, or ``model:NAME[:VERSION]``, whose weights are begun with
    is_frozen : only the last layer is learned; for ``lite0`` on the archive's own vectors' space
    is_pretrained : begin with weights there are; else from scratch
    epochs, patience : at most so many; ended after so many without a better validation loss
    batch_size, learning_rate, weight_decay, dropout, schedule : of the optimiser (AdamW)
    has_class_weights : rare classes count as much as frequent ones
    augmentation : of `AUGMENTATIONS`, drawn anew for every image
    variants : so many augmented copies of an image where its features are computed once
    image_side : pixels of the square that an image is letterboxed into
    images_per_series : evenly spaced images of a series that is labelled as a whole
    validation_share, test_share : of the patients
    folds : 0 for one split; else so many parts, each judged by a model that never saw it
    seed : of split, augmentation and start weights
    """

    name: str
    label_set: str = ""
    labels: tuple[str, ...] = ()
    folder: str = ""
    group: str = ""
    backbone: str = LITE0
    is_frozen: bool = True
    is_pretrained: bool = True
    epochs: int = 60
    patience: int = 10
    batch_size: int = 32
    learning_rate: float = 0.003
    weight_decay: float = 0.01
    dropout: float = 0.2
    schedule: str = "cosine"
    has_class_weights: bool = True
    augmentation: tuple[str, ...] = ("rotate", "crop", "intensity", "noise")
    variants: int = 4
    image_side: int = LITE0_SIDE
    images_per_series: int = 8
    segments: tuple[str, ...] = ()
    masks_by: str = "any"
    patch_side: int = 48
    patches_per_volume: int = 4
    voxel_mm: float = 0.0
    width: int = 8
    validation_share: float = 0.15
    test_share: float = 0.2
    folds: int = 0
    seed: int = 0
    description: str = ""

    @property
    def is_segmentation(self) -> bool:
        """Whether masks are learned, not names."""
        return bool(self.segments)

    @property
    def is_on_vectors(self) -> bool:
        """Whether a linear layer is learned on vectors of the shipped embedding."""
        return self.backbone == LITE0 and self.is_frozen

    def as_json(self) -> dict[str, Any]:
        """Return what `read_recipe` reads."""
        return asdict(self) | {name: list(getattr(self, name)) for name in _LISTS}


def read_recipe(values: dict[str, Any]) -> Recipe:
    """Make a recipe of a mapping and check it; what is not said is as usual.

    Raises
    ------
    InvalidRequestError
        A value is unknown, of another type, or out of its range; the message says which.
    """
    known = {one.name for one in fields(Recipe)}
    strange = sorted(set(values) - known)
    if strange:
        raise InvalidRequestError(f"A training knows no {strange[0]!r}.")
    given = dict(values)
    for name in _LISTS:
        if name in given:
            given[name] = tuple(str(one) for one in given[name])
    if given.get("segments"):
        given = _OF_SEGMENTATION | given
    try:
        recipe = Recipe(**given)
        _check(recipe)
    except TypeError as error:
        raise InvalidRequestError("The training's values are not what they should be.") from error
    return recipe


def _check(recipe: Recipe) -> None:
    if not _NAME.match(recipe.name):
        raise InvalidRequestError("A model's name has 2 to 63 small letters, digits and hyphens.")
    if bool(recipe.label_set) + bool(recipe.folder) + recipe.is_segmentation != 1:
        raise InvalidRequestError(
            "Name a set of labels, a folder of labelled images, or segments: one of them."
        )
    if recipe.is_segmentation:
        _check_segmentation(recipe)
    else:
        _check_backbone(recipe)
    if recipe.schedule not in SCHEDULES:
        raise InvalidRequestError(f"A schedule is one of {', '.join(SCHEDULES)}.")
    strange = [one for one in recipe.augmentation if one not in AUGMENTATIONS]
    if strange:
        raise InvalidRequestError(f"Augmentation is of {', '.join(AUGMENTATIONS)}.")
    for name, (low, high) in _RANGES.items():
        if not low <= getattr(recipe, name) <= high:
            raise InvalidRequestError(f"{name} lies between {low:g} and {high:g}.")
    if recipe.folds == 1:
        raise InvalidRequestError("folds is 0, or at least 2.")
    if recipe.is_on_vectors and recipe.image_side != LITE0_SIDE:
        raise InvalidRequestError(f"Frozen lite0 takes images of {LITE0_SIDE} pixels.")


def _check_backbone(recipe: Recipe) -> None:
    is_model = recipe.backbone.startswith(MODEL_PREFIX)
    if recipe.backbone not in BACKBONES and not is_model:
        raise InvalidRequestError(f"A backbone is one of {', '.join(BACKBONES)}, or model:NAME.")


def _check_segmentation(recipe: Recipe) -> None:
    if recipe.backbone != UNET or recipe.is_frozen or recipe.is_pretrained:
        raise InvalidRequestError(f"Segments are learned by {UNET}, all of it, from scratch.")
    if recipe.folds:
        raise InvalidRequestError("Segments are learned with one split: folds is 0.")
    if recipe.masks_by not in MASKS_BY:
        raise InvalidRequestError(f"masks_by is one of {', '.join(MASKS_BY)}.")
    if recipe.patch_side % _PATCH_STEP:
        raise InvalidRequestError(f"patch_side is a multiple of {_PATCH_STEP}.")
    if len(set(recipe.segments)) < len(recipe.segments) or len(recipe.segments) > _MOST_SEGMENTS:
        raise InvalidRequestError(f"Name each segment once, at most {_MOST_SEGMENTS}.")
    if any(not one.strip() or len(one) > _LONGEST for one in recipe.segments):
        raise InvalidRequestError(f"A segment is named by 1 to {_LONGEST} characters.")

"""What an admin chooses for a training."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from inference.portal.space_forms import LabelSetsField
from inference.training.recipe import (
    AUGMENTATIONS,
    BACKBONES,
    LITE0,
    MASKS_BY,
    SCHEDULES,
    Recipe,
    read_recipe,
)

# How much is learned of the backbone.
WAYS = {
    "frozen": _("Its last layer only: minutes, from few labels"),
    "tuned": _("All of it, from the weights there are"),
    "scratch": _("All of it, from nothing: needs many labels"),
}
BACKBONE_WORDS = {
    LITE0: "EfficientNet-lite0 (weights of photographs)",
    "densenet121": "MONAI DenseNet-121",
    "resnet18": "MONAI ResNet-18",
    "resnet50": "MONAI ResNet-50",
    "vit": "MONAI vision transformer, small",
}
_USUAL = Recipe(name="")
NUMBERS = (
    ("epochs", _("Epochs at most"), 1),
    ("patience", _("Patience, epochs"), 1),
    ("batch_size", _("Images at once"), 1),
    ("image_side", _("Image side, pixels"), 1),
    ("learning_rate", _("Learning rate"), "any"),
    ("weight_decay", _("Weight decay"), "any"),
    ("dropout", _("Dropout"), "any"),
    ("validation_share", _("Share to end by"), "any"),
    ("test_share", _("Share to judge by"), "any"),
    ("folds", _("Folds (0: one split)"), 1),
    ("seed", _("Seed"), 1),
)


MASKS_BY_WORDS = {
    "any": _("People and models; people first"),
    "people": _("People only"),
    "models": _("Models only"),
}
_USUAL_MASKS = read_recipe({"name": "masks", "segments": ["any"]})
MASK_NUMBERS = (
    ("epochs", _("Epochs at most"), 1),
    ("patience", _("Patience, epochs"), 1),
    ("batch_size", _("Patches at once"), 1),
    ("patches_per_volume", _("Patches of a series"), 1),
    ("patch_side", _("Patch side, voxels"), 8),
    ("voxel_mm", _("Voxel, mm (0: as the series)"), "any"),
    ("width", _("Channels of the first level"), 1),
    ("learning_rate", _("Learning rate"), "any"),
    ("weight_decay", _("Weight decay"), "any"),
    ("dropout", _("Dropout"), "any"),
    ("validation_share", _("Share to end by"), "any"),
    ("test_share", _("Share to judge by"), "any"),
    ("seed", _("Seed"), 1),
)


class TrainingForm(forms.Form):
    """A recipe; what is left out is as usual."""

    name = forms.CharField(max_length=63)
    label_set = forms.CharField(max_length=64)
    backbone = forms.CharField(max_length=100, initial=LITE0)
    way = forms.ChoiceField(choices=tuple(WAYS.items()), initial="frozen")
    schedule = forms.ChoiceField(choices=[(one, one) for one in SCHEDULES], required=False)
    augmentation = LabelSetsField(required=False)
    has_class_weights = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, *_rest in NUMBERS:
            kind = forms.IntegerField if isinstance(usual(name), int) else forms.FloatField
            self.fields[name] = kind(required=False)

    def recipe_values(self) -> dict[str, Any]:
        """Return what `inference.training.recipe.read_recipe` reads."""
        chosen = self.cleaned_data
        values = {name: chosen[name] for name in ("name", "label_set", "backbone")}
        values |= {name: chosen[name] for name, _, _ in NUMBERS if chosen.get(name) is not None}
        if chosen["schedule"]:
            values["schedule"] = chosen["schedule"]
        return values | {
            "augmentation": [one for one in chosen["augmentation"] if one in AUGMENTATIONS],
            "has_class_weights": chosen["has_class_weights"],
            "is_frozen": chosen["way"] == "frozen",
            "is_pretrained": chosen["way"] != "scratch",
        }


class MaskTrainingForm(forms.Form):
    """A recipe for masks; what is left out is as usual."""

    name = forms.CharField(max_length=63)
    segments = forms.CharField(max_length=600)
    masks_by = forms.ChoiceField(choices=tuple(MASKS_BY_WORDS.items()), initial="any")
    schedule = forms.ChoiceField(choices=[(one, one) for one in SCHEDULES], required=False)
    augmentation = LabelSetsField(required=False)
    has_class_weights = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, *_rest in MASK_NUMBERS:
            kind = forms.IntegerField if isinstance(usual(name), int) else forms.FloatField
            self.fields[name] = kind(required=False)

    def recipe_values(self) -> dict[str, Any]:
        """Return what `inference.training.recipe.read_recipe` reads."""
        chosen = self.cleaned_data
        segments = [one.strip() for one in chosen["segments"].split(",")]
        values = {name: chosen[name] for name, _, _ in MASK_NUMBERS if chosen.get(name) is not None}
        if chosen["schedule"]:
            values["schedule"] = chosen["schedule"]
        return values | {
            "name": chosen["name"],
            "segments": [one for one in segments if one],
            "masks_by": chosen["masks_by"],
            "augmentation": [one for one in chosen["augmentation"] if one in AUGMENTATIONS],
            "has_class_weights": chosen["has_class_weights"],
        }


def mask_choices() -> dict[str, Any]:
    """Return what the form for masks offers."""
    return {
        "masks_by": [(one, MASKS_BY_WORDS[one]) for one in MASKS_BY],
        "mask_numbers": [
            (name, words, getattr(_USUAL_MASKS, name), step) for name, words, step in MASK_NUMBERS
        ],
    }


def usual(name: str) -> Any:
    """Return what a recipe has where nothing is said."""
    return getattr(_USUAL, name)


def choices() -> dict[str, Any]:
    """Return what the form's page offers."""
    return {
        "backbones": [(one, BACKBONE_WORDS[one]) for one in BACKBONES],
        "ways": WAYS.items(),
        "schedules": SCHEDULES,
        "augmentations": [(one, one in _USUAL.augmentation) for one in AUGMENTATIONS],
        "numbers": [(name, words, usual(name), step) for name, words, step in NUMBERS],
    }

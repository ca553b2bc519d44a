"""How a training is asked for on the command line."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.training.recipe import AUGMENTATIONS, BACKBONES, MASKS_BY, SCHEDULES, Recipe

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

_NUMBERS = {
    "epochs": "at most so many",
    "patience": "epochs without a better validation loss that end it",
    "batch_size": "images at once",
    "learning_rate": "of AdamW",
    "weight_decay": "of AdamW",
    "dropout": "before the last layer",
    "image_side": "pixels of the square that images are fitted into",
    "variants": "augmented copies of an image, with a frozen lite0",
    "images_per_series": "of a series that is labelled as a whole",
    "patch_side": "voxels of a patch's longest side, with --segment",
    "patches_per_volume": "of a series in an epoch, with --segment",
    "voxel_mm": "edge of the network's voxels, with --segment; 0 for the median of the series",
    "width": "channels of the UNet's first level, with --segment",
    "validation_share": "of the patients, to end by",
    "test_share": "of the patients, to judge by",
    "folds": "judge by cross-validation instead",
    "seed": "of split, augmentation and weights",
}
_AUGMENTED: tuple[str, ...] = Recipe(name="").augmentation
_USUAL = {one.name: one.default for one in fields(Recipe)}


def add_training_options(parser: CommandParser) -> None:
    """Add what a recipe consists of to the command's arguments."""
    recipe = parser.add_argument_group("what to train")
    recipe.add_argument("--label", action="append", default=[], help="learn these labels alone")
    recipe.add_argument(
        "--segment",
        action="append",
        default=[],
        help="learn to segment these structures of the stored SEG objects: a segment's label, or"
        " the code of its property such as SCT:39607008",
    )
    recipe.add_argument("--masks-by", choices=MASKS_BY, help="whose SEG objects, with --segment")
    recipe.add_argument("--group", default="", help="of a folder's images, those of this group")
    recipe.add_argument(
        "--backbone", help=f"{', '.join(BACKBONES)}, or model:NAME; default {_USUAL['backbone']}"
    )
    recipe.add_argument("--fine-tune", action="store_true", help="learn all layers, not the last")
    recipe.add_argument("--from-scratch", action="store_true", help="begin without weights")
    recipe.add_argument("--schedule", choices=SCHEDULES, help="of the learning rate")
    recipe.add_argument(
        "--augment",
        nargs="*",
        choices=AUGMENTATIONS,
        help=f"default {' '.join(_AUGMENTED)}",
    )
    recipe.add_argument("--no-class-weights", action="store_true", help="rare classes count less")
    for name, what in _NUMBERS.items():
        usual: Any = _USUAL[name]
        option = f"--{name.replace('_', '-')}"
        recipe.add_argument(option, type=type(usual), help=f"{what}; default {usual}")
    done = parser.add_argument_group("how to train")
    done.add_argument("--queue", action="store_true", help="let a worker do it")
    done.add_argument("--resume", type=int, metavar="ID", help="go on with a training")
    done.add_argument("--list", action="store_true", help="trainings and how far they are")


def recipe_values(options: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe that the options ask for."""
    sets = options["label_set"]
    values: dict[str, Any] = {"label_set": sets[0] if len(sets) == 1 else ""}
    if options["data_dir"]:
        values["folder"] = str(Path(options["data_dir"]).resolve())
    values |= {"name": options["head"] or "", "labels": options["label"]}
    values |= {name: options[name] for name in _NUMBERS if options[name] is not None}
    chosen = {name: options[name] for name in ("schedule", "backbone", "masks_by")}
    values |= {name: value for name, value in chosen.items() if value}
    if options["augment"] is not None:
        values["augmentation"] = options["augment"]
    values |= {"has_class_weights": not options["no_class_weights"]}
    if options["segment"]:
        return values | {"segments": options["segment"]}
    return values | {
        "group": options["group"],
        "is_frozen": not (options["fine_tune"] or options["from_scratch"]),
        "is_pretrained": not options["from_scratch"],
    }

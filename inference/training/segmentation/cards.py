"""The model card of a network that segments. Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.training.cards import figure, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.training.recipe import Recipe
    from inference.training.segmentation.datasets import MaskData
    from inference.training.segmentation.preparing import Preparation


def mask_card(
    recipe: Recipe, data: MaskData, preparation: Preparation, metrics: Mapping[str, Any]
) -> str:
    """Write the card.

    Parameters
    ----------
    recipe : what was asked for
    data : what was learned from
    preparation : how volumes come to the network
    metrics : from `evaluation`

    Returns
    -------
    Markdown
    """
    parts = [
        f"# {recipe.name}",
        recipe.description or f"Segments: {', '.join(data.labels)}.",
        "## For what, and for what not",
        (
            "Research: measuring and sorting in an archive. **Not for diagnostic use.** It knows"
            f" {', '.join(f'*{one}*' for one in data.labels)} as they were drawn here, and nothing"
            " else: on another body part, or after another protocol, it marks what looks alike."
        ),
        "## Trained on",
        _data(data, metrics),
        _how(recipe, preparation),
        "## Measured",
        (
            "On patients that were neither learned from nor used to end the training, on the grid"
            f" of the images: {metrics['cases']} series of {metrics['patients']} patients. In"
            " brackets: 95 % intervals, bootstrap over patients. Hausdorff: the 95th percentile,"
            " where both masks have a surface."
        ),
        table(
            ["measure", "value"],
            [
                ["Dice, mean", figure(metrics["mean_dice"])],
                ["Hausdorff 95 %, mm, mean", figure(metrics["mean_hausdorff_95_mm"])],
            ],
        ),
        _classes(metrics),
        "## Where it does worse",
        _subgroups(metrics),
        "## Export",
        (
            f"Probabilities of ONNX differ by at most {metrics['export']['onnx']:.1e} from the"
            f" trained network's, of TorchScript by {metrics['export']['torchscript']:.1e}."
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _data(data: MaskData, metrics: Mapping[str, Any]) -> str:
    rows = [
        [
            one.name,
            ":".join(reversed(one.property_type[:2])),
            str(sum(place in found for found in data.masks)),
        ]
        for place, one in enumerate(data.structures, start=1)
    ]
    said = (
        f"{len(data.samples)} series of {len(set(data.patients))} patients. A voxel outside of the"
        " masks counts as background, also where a series has no mask of a structure."
    )
    origins = ", ".join(f"{number} {origin}" for origin, number in sorted(data.origins.items()))
    unreadable = metrics.get("unreadable", 0)
    return "\n\n".join(
        [
            said,
            table(["structure", "code", "series"], rows),
            f"Masks: {origins}." + (f" Left out, unreadable: {unreadable}." if unreadable else ""),
        ]
    )


def _how(recipe: Recipe, preparation: Preparation) -> str:
    voxel = " x ".join(f"{one:g}" for one in preparation.voxel_mm)
    patch = " x ".join(str(one) for one in preparation.patch)
    window = preparation.window
    grey = f"{window[0]:g} to {window[1]:g}" if window else "its 1st to 99th percentile"
    return (
        f"Network: MONAI's UNet in three dimensions, {recipe.width} channels at its first level, on"
        f" patches of {patch} voxels of {voxel} mm; grey values {grey}. Dice loss and"
        f" cross-entropy; AdamW, learning rate {recipe.learning_rate:g} ({recipe.schedule}),"
        f" weight decay {recipe.weight_decay:g}, dropout {recipe.dropout:g}, at most"
        f" {recipe.epochs} epochs of {recipe.patches_per_volume} patches a series, ended after"
        f" {recipe.patience} without a better validation loss; class weights"
        f" {'on' if recipe.has_class_weights else 'off'}; augmentation:"
        f" {', '.join(recipe.augmentation) or 'none'}; seed {recipe.seed}."
    )


def _classes(metrics: Mapping[str, Any]) -> str:
    names = ("dice", "hausdorff_95_mm", "volume_difference_ml")
    rows = [
        [
            one["label"],
            str(one["support"]),
            *(figure(one[name]) for name in names),
            str(one["missed"]),
            str(one["invented"]),
        ]
        for one in metrics["classes"]
    ]
    head = ["structure", "series", "Dice", "Hausdorff 95 %, mm", "volume, mL", "missed", "invented"]
    return table(head, rows)


def _subgroups(metrics: Mapping[str, Any]) -> str:
    warnings = [f"**Warning:** {one}" for one in metrics.get("warnings", ())]
    none = [] if warnings else ["No group does worse beyond chance, as far as these series tell."]
    tables = [
        table(
            [name.replace("_", " "), "series", "Dice", "Hausdorff 95 %, mm"],
            [
                [
                    row["group"],
                    str(row["cases"]),
                    figure(row["dice"]),
                    figure(row["hausdorff_95_mm"]),
                ]
                for row in rows
            ],
        )
        for name, rows in metrics.get("subgroups", {}).items()
    ]
    return "\n\n".join([*(warnings or none), *tables])

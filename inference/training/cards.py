"""The model card: what was trained on, how it was measured, where it does worse. Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from inference.training.datasets import TrainingData
from inference.training.recipe import Recipe

_HEADLINES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy (mean recall)",
    "macro_f1": "F1, mean of the classes",
    "macro_auc": "AUC, one against the rest, mean of the classes",
}


def model_card(
    recipe: Recipe, data: TrainingData, metrics: Mapping[str, Any], notes: str = ""
) -> str:
    """Write the card.

    Parameters
    ----------
    recipe : what was asked for
    data : what was learned from
    metrics : from `evaluation` and `subgroups`
    notes : Markdown, put at the end

    Returns
    -------
    Markdown
    """
    parts = [
        f"# {recipe.name}",
        recipe.description or f"Tells apart: {', '.join(data.labels)}.",
        "## For what, and for what not",
        (
            "Research: sorting and search in an archive. **Not for diagnostic use.** It knows the"
            f" classes {', '.join(f'*{one}*' for one in data.labels)} and nothing else: whatever it"
            " is shown, it names the one that looks most alike."
        ),
        "## Trained on",
        _data(data),
        _recipe(recipe),
        "## Measured",
        _how(recipe, metrics),
        _headlines(metrics),
        _classes(metrics),
        _confusion(metrics),
        _calibration(metrics),
        "## Where it does worse",
        _subgroups(metrics),
        "## Export",
        _export(metrics),
    ]
    if notes.strip():
        parts.append(notes.strip())
    return "\n\n".join(part for part in parts if part) + "\n"


def _data(data: TrainingData) -> str:
    counts = dict.fromkeys(data.labels, 0)
    for one in data.samples:
        counts[one.label] += 1
    said = (
        f"{len(data.samples)} images of {len(set(data.patients))} patients (an image without"
        " patient identifier counts as a patient of its own)."
    )
    rows = [[label, str(number)] for label, number in counts.items()]
    origins = [[origin, str(number)] for origin, number in sorted(data.origins.items())]
    tables = [said, table(["class", "images"], rows), table(["source", "images"], origins)]
    if data.left_out:
        too_few = ", ".join(f"{label} ({number})" for label, number in data.left_out.items())
        tables.append(f"Left out, too few: {too_few}.")
    return "\n\n".join(tables)


def _recipe(recipe: Recipe) -> str:
    if recipe.is_on_vectors:
        how = "a linear layer on the frozen embedding of EfficientNet-lite0 (384 numbers)"
    else:
        state = "its last layer alone is learned" if recipe.is_frozen else "all of it is learned"
        how = f"{recipe.backbone} on images of {recipe.image_side} pixels, {state}"
    augmented = ", ".join(recipe.augmentation) or "none"
    return (
        f"Network: {how}. AdamW, learning rate {recipe.learning_rate:g} ({recipe.schedule}),"
        f" weight decay {recipe.weight_decay:g}, dropout {recipe.dropout:g}, at most"
        f" {recipe.epochs} epochs, ended after {recipe.patience} without a better validation"
        f" loss; class weights {'on' if recipe.has_class_weights else 'off'}; augmentation:"
        f" {augmented}; seed {recipe.seed}."
    )


def _how(recipe: Recipe, metrics: Mapping[str, Any]) -> str:
    if recipe.folds:
        way = (
            f"{recipe.folds} folds by patient: each image is judged by a model that saw no image"
            " of its patient, as far as patients are known. The model that is kept learned from"
            " all of them by the same recipe."
        )
    else:
        way = "On patients that were neither learned from nor used to end the training."
    said = f" {metrics['cases']} cases of {metrics['patients']} patients."
    return way + said + " In brackets: 95 % intervals, bootstrap over patients."


def _headlines(metrics: Mapping[str, Any]) -> str:
    rows = [[words, figure(metrics[name])] for name, words in _HEADLINES.items()]
    return table(["measure", "value"], rows)


def _classes(metrics: Mapping[str, Any]) -> str:
    names = ("precision", "recall", "f1", "auc")
    rows = [
        [one["label"], str(one["support"]), *(figure(one[name]) for name in names)]
        for one in metrics["classes"]
    ]
    return table(["class", "cases", "precision", "recall", "F1", "AUC"], rows)


def _confusion(metrics: Mapping[str, Any]) -> str:
    labels = metrics["labels"]
    rows = [
        [f"**{label}**", *(str(number) for number in numbers)]
        for label, numbers in zip(labels, metrics["confusion"], strict=True)
    ]
    return "Confusion (rows are the truth):\n\n" + table(["", *labels], rows)


def _calibration(metrics: Mapping[str, Any]) -> str:
    found = metrics["calibration"]
    return (
        f"Expected calibration error {found['ece']:.3f}, Brier score {found['brier']:.3f}, after"
        f" division of the scores by {metrics['temperature']:.2f} (fitted on validation)."
    )


def _subgroups(metrics: Mapping[str, Any]) -> str:
    warnings = [f"**Warning:** {one}" for one in metrics.get("warnings", ())]
    tables = [
        table(
            [name.replace("_", " "), "cases", "accuracy", "AUC"],
            [
                [
                    row["group"],
                    str(row["cases"]),
                    figure(row["accuracy"]),
                    figure(row["macro_auc"]),
                ]
                for row in rows
            ],
        )
        for name, rows in metrics.get("subgroups", {}).items()
    ]
    none = [] if warnings else ["No group does worse beyond chance, as far as these cases tell."]
    return "\n\n".join([*(warnings or none), *tables])


def _export(metrics: Mapping[str, Any]) -> str:
    found = metrics.get("export", {})
    if not found:
        return ""
    return (
        f"Probabilities of ONNX differ by at most {found['onnx']:.1e} from the trained network's,"
        f" of TorchScript by {found['torchscript']:.1e}."
    )


def figure(value: Sequence[float | None]) -> str:
    """Return [value, low, high] as text; a hyphen where there is none."""
    middle, low, high = value
    if middle is None:
        return "-"
    return (
        f"{middle:.3f}" if low is None or high is None else f"{middle:.3f} [{low:.3f}, {high:.3f}]"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

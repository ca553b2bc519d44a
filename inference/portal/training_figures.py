"""Figures of a training arranged for its page: words, tables, where to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inference.portal.quality_figures import MISSING, SEXES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HEADLINES = (
    ("accuracy", _("Accuracy"), _("Share of cases that it names rightly")),
    ("balanced_accuracy", _("Balanced accuracy"), _("Mean recall of the classes")),
    ("macro_f1", "F1", _("Mean of the classes")),
    ("macro_auc", "AUC", _("One class against the rest, mean")),
)
_MASK_HEADLINES = (
    ("mean_dice", "Dice", _("Overlap with the masks: 1 is best")),
    ("mean_hausdorff_95_mm", _("Hausdorff 95 %, mm"), _("Distance of the surfaces: 0 is best")),
)
_FACTS = {
    "sex": _("Sex"),
    "age_group": _("Age at the study"),
    "scanner": _("Scanner"),
    "source": _("Source"),
}
# Shades of the confusion matrix: classes of the style sheet.
_SHADES = 5
# The chart's drawing area, in the units of its view box.
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 560, 12, 168
_STATE_WORDS = {
    "queued": (_("Queued"), ""),
    "running": (_("Training"), "busy"),
    "succeeded": (_("Done"), "ok"),
    "failed": (_("Failed"), "bad"),
    "cancelled": (_("Cancelled"), "warn"),
}


@dataclass(frozen=True)
class Shown:
    """A figure as text with its interval."""

    name: str
    text: str
    interval: str = ""
    hint: str = ""


def headlines(metrics: Mapping[str, Any]) -> list[Shown]:
    """Return the figures of the whole, with calibration."""
    found = [
        shown(metrics[key], str(name), str(hint))
        for key, name, hint in _HEADLINES
        if key in metrics
    ]
    calibration = metrics.get("calibration")
    if calibration:
        hint = gettext("Expected calibration error: 0 is best")
        found.append(Shown("ECE", f"{calibration['ece']:.3f}", hint=hint))
    return found


def shown(value: Sequence[float | None], name: str = "", hint: str = "") -> Shown:
    """Return [value, low, high] as text."""
    middle, low, high = value
    if middle is None:
        return Shown(name, MISSING, gettext("too few cases"), hint)
    interval = ""
    if low is not None and high is not None:
        interval = gettext("%(first)s to %(last)s") % {"first": f"{low:.2f}", "last": f"{high:.2f}"}
    return Shown(name, f"{middle:.3f}", interval, hint)


def class_rows(metrics: Mapping[str, Any]) -> list[tuple[str, int, list[Shown]]]:
    """Return each class with its cases, precision, recall, F1 and AUC."""
    names = ("precision", "recall", "f1", "auc")
    return [
        (one["label"], one["support"], [shown(one[name]) for name in names])
        for one in metrics.get("classes", ())
    ]


def confusion_rows(metrics: Mapping[str, Any]) -> list[tuple[str, list[tuple[int, int]]]]:
    """Return each true class with how often it was named what, and the shade of each cell."""
    rows = []
    for label, numbers in zip(metrics.get("labels", ()), metrics.get("confusion", ()), strict=True):
        most = max(1, sum(numbers))
        rows.append((label, [(number, round(number / most * _SHADES)) for number in numbers]))
    return rows


def subgroup_tables(metrics: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return one table for each fact: groups with accuracy, AUC, and whether they do worse."""
    return [
        (
            _FACTS.get(fact, fact.replace("_", " ").title()),
            [
                {
                    "group": SEXES.get(row["group"], row["group"]),
                    "cases": row["cases"],
                    "accuracy": shown(row["accuracy"]),
                    "auc": shown(row["macro_auc"]),
                    "difference": shown(row["difference"]),
                    "is_worse": row["is_worse"],
                }
                for row in rows
            ],
        )
        for fact, rows in metrics.get("subgroups", {}).items()
    ]


def mask_headlines(metrics: Mapping[str, Any]) -> list[Shown]:
    """Return the figures of a network that segments."""
    return [shown(metrics[key], str(name), str(hint)) for key, name, hint in _MASK_HEADLINES]


def mask_class_rows(metrics: Mapping[str, Any]) -> list[tuple[dict[str, Any], list[Shown]]]:
    """Return each structure with its Dice, Hausdorff distance and difference of volume."""
    names = ("dice", "hausdorff_95_mm", "volume_difference_ml")
    return [(one, [shown(one[name]) for name in names]) for one in metrics.get("classes", ())]


def mask_subgroup_tables(metrics: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return one table for each fact: groups with Dice, Hausdorff, and whether they do worse."""
    return [
        (
            _FACTS.get(fact, fact.replace("_", " ").title()),
            [
                row
                | {"group": SEXES.get(row["group"], row["group"])}
                | {key: shown(row[key]) for key in ("dice", "hausdorff_95_mm", "difference")}
                for row in rows
            ],
        )
        for fact, rows in metrics.get("subgroups", {}).items()
    ]


def curve(progress: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where to draw the losses of the split at work; None before two epochs."""
    history = progress.get("history", ())
    if len(history) < 2:
        return None
    most = max(max(row["loss"], row["validation_loss"]) for row in history) or 1.0
    last = len(history) - 1

    def points(name: str) -> str:
        return " ".join(
            f"{_LEFT + (_RIGHT - _LEFT) * place / last:.1f},"
            f"{_BOTTOM - (_BOTTOM - _TOP) * min(1.0, row[name] / most):.1f}"
            for place, row in enumerate(history)
        )

    return {
        "training": points("loss"),
        "validation": points("validation_loss"),
        "top": f"{most:.2f}",
        "epochs": history[-1]["epoch"],
        "newest": history[-1],
    }


def state_words(state: str) -> tuple[str, str]:
    """Return how a state is called, and its tone."""
    words, tone = _STATE_WORDS.get(state, (state, ""))
    return str(words), tone


def percent_of(progress: Mapping[str, Any]) -> int:
    """Return how far a training is: splits and epochs count, what comes before is little."""
    splits = max(1, int(progress.get("splits", 1)))
    before = max(0, int(progress.get("split", 1)) - 1)
    share = 0.0
    if progress.get("history") and progress.get("epochs"):
        share = progress["epoch"] / progress["epochs"]
    return min(99, round(100 * (before + share) / splits))

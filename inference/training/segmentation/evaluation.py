"""How well a network segments series of patients it never saw, with intervals and by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inference.training.evaluation import Figure, PatientDraws
from inference.training.masks import MaskFigures, evaluate_masks
from inference.training.subgroups import LEAST_CASES, WORSE_BY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference.training.evaluation import Integers

# Fewer than so many judged patients are warned of.
LEAST_PATIENTS = 5
Floats = npt.NDArray[np.float64]


def judge_series(
    judged: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.uint8],
    labels: Sequence[str],
    spacing_mm: Sequence[float],
) -> dict[str, MaskFigures]:
    """Compare two label maps of one series.

    Parameters
    ----------
    judged, truth : label maps on one grid
    labels : names of the values from 1
    spacing_mm : along the axes

    Returns
    -------
    figures of the structures that either of them has
    """
    masks = {
        label: (judged == value, truth == value)
        for value, label in enumerate(labels, start=1)
        if (judged == value).any() or (truth == value).any()
    }
    return {one.label: one for one in evaluate_masks(masks, spacing_mm)}


def evaluate_segmentation(
    cases: Sequence[Mapping[str, MaskFigures]],
    labels: Sequence[str],
    patients: Sequence[str],
    facts: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """Return the figures of a network.

    Parameters
    ----------
    cases : of each series, what `judge_series` found
    labels : names of the structures
    patients : of each series; intervals are drawn by patient, 95 %, bootstrap
    facts : of each series, such as ``{"sex": "F"}``

    Returns
    -------
    JSON: ``mean_dice`` and ``mean_hausdorff_95_mm`` as [value, low, high], over series and
    structures; ``classes`` with both, the volumes' mean difference and support; ``subgroups`` and
    ``warnings``
    """
    draw = PatientDraws(patients)
    overlap = np.array([_mean(one.dice for one in case.values()) for case in cases])
    distance = np.array([_mean(one.hausdorff_95_mm for one in case.values()) for case in cases])
    subgroups = _subgroups(overlap, distance, patients, facts)
    return {
        "task": "segment",
        "labels": list(labels),
        "cases": len(cases),
        "patients": len(set(patients)),
        "mean_dice": draw.interval(lambda rows: _known_mean(overlap[rows])),
        "mean_hausdorff_95_mm": draw.interval(lambda rows: _known_mean(distance[rows])),
        "classes": [_class_figures(label, cases, draw) for label in labels],
        "subgroups": subgroups,
        "warnings": _few(patients) + _warnings(subgroups, labels, cases),
    }


def _class_figures(
    label: str, cases: Sequence[Mapping[str, MaskFigures]], draw: PatientDraws
) -> dict[str, Any]:
    found = [case.get(label) for case in cases]
    overlap = np.array([_mean([one.dice if one else None]) for one in found])
    distance = np.array([_mean([one.hausdorff_95_mm if one else None]) for one in found])
    volume = np.array([_mean([one.volume_ml - one.truth_ml if one else None]) for one in found])
    return {
        "label": label,
        "support": sum(one is not None and one.truth_ml > 0 for one in found),
        # A structure that isn't found where it is, or found where it isn't, has no distance.
        "missed": sum(one is not None and one.truth_ml > 0 and not one.volume_ml for one in found),
        "invented": sum(
            one is not None and one.volume_ml > 0 and not one.truth_ml for one in found
        ),
        "dice": draw.interval(lambda rows: _known_mean(overlap[rows])),
        "hausdorff_95_mm": draw.interval(lambda rows: _known_mean(distance[rows])),
        "volume_difference_ml": draw.interval(lambda rows: _known_mean(volume[rows])),
    }


def _subgroups(
    overlap: Floats,
    distance: Floats,
    patients: Sequence[str],
    facts: Sequence[Mapping[str, str]],
) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for name in sorted({name for one in facts for name in one}):
        groups = np.array([one.get(name, "") for one in facts])
        rows = [
            _group(group, groups == group, (overlap, distance), patients)
            for group in np.unique(groups).tolist()
        ]
        found[name] = sorted(rows, key=lambda row: (-row["cases"], row["group"]))
    return found


def _group(
    group: str,
    is_inside: npt.NDArray[np.bool_],
    figures: tuple[Floats, Floats],
    patients: Sequence[str],
) -> dict[str, Any]:
    overlap, distance = figures
    rows = np.flatnonzero(is_inside)
    draw = PatientDraws([patients[row] for row in rows.tolist()])

    def difference(some: Integers) -> float | None:
        inside = is_inside[some]
        ours, theirs = _known_mean(overlap[some][inside]), _known_mean(overlap[some][~inside])
        return None if ours is None or theirs is None else ours - theirs

    apart: Figure = PatientDraws(patients).interval(difference)
    is_sure = apart[2] is not None and apart[2] < 0
    is_worse = len(rows) >= LEAST_CASES and is_sure and (apart[0] or 0.0) <= -WORSE_BY
    return {
        "group": group or "not stated",
        "cases": len(rows),
        "dice": draw.interval(lambda some: _known_mean(overlap[rows][some])),
        "hausdorff_95_mm": draw.interval(lambda some: _known_mean(distance[rows][some])),
        "difference": apart,
        "is_worse": bool(is_worse),
    }


def _warnings(
    subgroups: Mapping[str, Sequence[Mapping[str, Any]]],
    labels: Sequence[str],
    cases: Sequence[Mapping[str, MaskFigures]],
) -> list[str]:
    found = [
        f"Does worse where {name.replace('_', ' ')} is {row['group']}: Dice {row['dice'][0]:.2f}"
        f" on {row['cases']} series, {-row['difference'][0]:.2f} below all others."
        for name, rows in subgroups.items()
        for row in rows
        if row["is_worse"]
    ]
    absent = [
        label
        for label in labels
        if not any(label in case and case[label].truth_ml > 0 for case in cases)
    ]
    if absent:
        found.append(f"Not among the series it was judged on: {', '.join(absent)}.")
    return found


def _few(patients: Sequence[str]) -> list[str]:
    number = len(set(patients))
    if number >= LEAST_PATIENTS:
        return []
    return [f"Judged on {number} patient{'s' * (number > 1)}: the figures are a first impression."]


def _mean(values: Any) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")


def _known_mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None

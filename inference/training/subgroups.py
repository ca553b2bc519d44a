"""Whether a classifier does worse for some: by sex, age, scanner, source. Pure NumPy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inference.training.evaluation import (
    Figure,
    Floats,
    Integers,
    PatientDraws,
    macro_auc,
)

# Groups with fewer cases are shown without judgement: chance says more there than the model.
LEAST_CASES = 10
# A group is warned of from this difference on, where chance doesn't explain it.
WORSE_BY = 0.05


def evaluate_subgroups(
    probabilities: Floats,
    truth: Integers,
    patients: Sequence[str],
    facts: Sequence[Mapping[str, str]],
) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of every group of every fact, and whether it does worse than the rest.

    Parameters
    ----------
    probabilities : (n, classes)
    truth : (n,)
    patients : of each row
    facts : of each row, such as ``{"sex": "F", "scanner": "Acme One"}``

    Returns
    -------
    JSON: fact to its groups, the largest first, each with ``group``, ``cases``, ``accuracy`` and
    ``macro_auc`` as [value, low, high], ``difference`` to all others, ``is_worse``
    """
    is_right = probabilities.argmax(axis=1) == truth
    names = sorted({name for one in facts for name in one})
    found = {}
    for name in names:
        groups = np.array([one.get(name, "") for one in facts])
        rows = [
            _figures(group, groups == group, (probabilities, truth, is_right), patients)
            for group in np.unique(groups).tolist()
        ]
        found[name] = sorted(rows, key=lambda row: (-row["cases"], row["group"]))
    return found


def warnings_of(subgroups: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Return one sentence for each group that does worse.

    Parameters
    ----------
    subgroups : from `evaluate_subgroups`

    Returns
    -------
    sentences
    """
    return [
        f"Does worse where {name.replace('_', ' ')} is {row['group']}: accuracy"
        f" {row['accuracy'][0]:.2f} on {row['cases']} cases,"
        f" {-row['difference'][0]:.2f} below all others."
        for name, rows in subgroups.items()
        for row in rows
        if row["is_worse"]
    ]


def _figures(
    group: str, is_inside: Any, answers: tuple[Floats, Integers, Any], patients: Sequence[str]
) -> dict[str, Any]:
    probabilities, truth, is_right = answers
    rows = np.flatnonzero(is_inside)
    draw = PatientDraws([patients[row] for row in rows.tolist()])
    difference = _difference(is_inside, is_right, patients)
    is_worse = (
        len(rows) >= LEAST_CASES
        and difference[0] is not None
        and difference[0] <= -WORSE_BY
        and difference[2] is not None
        and difference[2] < 0
    )
    return {
        "group": group or "not stated",
        "cases": len(rows),
        "accuracy": draw.interval(lambda some: float(is_right[rows][some].mean())),
        "macro_auc": draw.interval(
            lambda some: macro_auc(probabilities[rows][some], truth[rows][some])
        ),
        "difference": difference,
        "is_worse": bool(is_worse),
    }


def _difference(is_inside: Any, is_right: Any, patients: Sequence[str]) -> Figure:
    def figure(rows: Integers) -> float | None:
        inside = is_inside[rows]
        if inside.all() or not inside.any():
            return None
        return float(is_right[rows][inside].mean() - is_right[rows][~inside].mean())

    return PatientDraws(patients).interval(figure)

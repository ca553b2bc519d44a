"""How well a classifier does on patients it never saw, with intervals. Pure NumPy."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Figure = list[float | None]

REPLICATES = 400
_BINS = 10
_LOW, _HIGH = 2.5, 97.5
_TWO = 2


def evaluate_classifier(
    probabilities: Floats, truth: Integers, labels: Sequence[str], patients: Sequence[str]
) -> dict[str, Any]:
    """Return the figures of a classifier.

    Parameters
    ----------
    probabilities : (n, classes), rows sum to 1
    truth : (n,) class of each row
    labels : names of the classes
    patients : of each row; intervals are drawn by patient, 95 %, bootstrap

    Returns
    -------
    JSON: ``accuracy``, ``balanced_accuracy``, ``macro_f1``, ``macro_auc`` as [value, low, high];
    ``classes`` with precision, recall, F1, AUC (one against the rest) and support; ``confusion``
    (rows are the truth); ``calibration`` with ``ece`` and its bins
    """
    answers = probabilities.argmax(axis=1)
    draw = PatientDraws(patients)
    scalars: dict[str, Callable[[Integers], float | None]] = {
        "accuracy": lambda rows: _share(answers[rows] == truth[rows]),
        "balanced_accuracy": lambda rows: _balanced(answers[rows], truth[rows]),
        "macro_f1": lambda rows: _macro_f1(answers[rows], truth[rows], len(labels)),
        "macro_auc": lambda rows: macro_auc(probabilities[rows], truth[rows]),
    }
    figures: dict[str, Any] = {name: draw.interval(value) for name, value in scalars.items()}
    figures["classes"] = [
        {"label": label, "support": int((truth == index).sum())}
        | _class_figures(probabilities, answers, truth, index, draw)
        for index, label in enumerate(labels)
    ]
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(matrix, (truth, answers), 1)
    figures["confusion"] = matrix.tolist()
    figures["calibration"] = calibration(probabilities, truth)
    figures["labels"] = list(labels)
    figures["cases"], figures["patients"] = len(truth), len(set(patients))
    return figures


class PatientDraws:
    """Bootstrap draws of whole patients, the same for every figure."""

    def __init__(self, patients: Sequence[str], *, replicates: int = REPLICATES) -> None:
        members: dict[str, list[int]] = {}
        for row, patient in enumerate(patients):
            members.setdefault(patient, []).append(row)
        self._members = [np.array(rows, dtype=np.int64) for rows in members.values()]
        self._all = np.arange(len(patients))
        self._replicates = replicates

    def interval(self, figure: Callable[[Integers], float | None]) -> Figure:
        """Return a figure of all rows with the bounds of its 95 % interval.

        Parameters
        ----------
        figure : of some rows; None where they don't suffice for it

        Returns
        -------
        [value, low, high]; None where it can't be told
        """
        value = figure(self._all)
        if len(self._members) < _TWO:
            # Draws of one patient are all the same: that is no certainty.
            return [None if value is None else round(value, 4), None, None]
        found = [one for one in map(figure, self._draws()) if one is not None]
        if value is None or len(found) < self._replicates // _TWO:
            return [None if value is None else round(value, 4), None, None]
        low, high = np.percentile(found, [_LOW, _HIGH])
        return [round(value, 4), round(float(low), 4), round(float(high), 4)]

    def _draws(self) -> list[Integers]:
        random, number = np.random.default_rng(0), len(self._members)
        return [
            np.concatenate([self._members[one] for one in random.integers(0, number, number)])
            for _ in range(self._replicates)
        ]


def auc(scores: Floats, is_positive: npt.NDArray[np.bool_]) -> float | None:
    """Return the area under the ROC curve; None where one side is empty.

    Parameters
    ----------
    scores : (n,), higher means positive
    is_positive : (n,)

    Returns
    -------
    0 to 1; ties count half
    """
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    total = float(ranks[inverse][is_positive].sum())
    return (total - positives * (positives + 1) / 2.0) / (positives * negatives)


def macro_auc(probabilities: Floats, truth: Integers) -> float | None:
    """Return the mean AUC, one against the rest, over the classes that occur.

    Probabilities are shared out among those classes, so that of a group in which only two occur
    the two are told apart.

    Parameters
    ----------
    probabilities : (n, classes)
    truth : (n,)

    Returns
    -------
    0 to 1, or None where fewer than two classes occur
    """
    present = np.unique(truth)
    if len(present) < _TWO:
        return None
    shared = probabilities[:, present]
    shared = shared / np.maximum(shared.sum(axis=1, keepdims=True), 1e-12)
    values = [auc(shared[:, place], truth == one) for place, one in enumerate(present.tolist())]
    return float(np.mean([value for value in values if value is not None]))


def calibration(probabilities: Floats, truth: Integers) -> dict[str, Any]:
    """Return how far what is said is from what is right.

    Parameters
    ----------
    probabilities : (n, classes)
    truth : (n,)

    Returns
    -------
    ``ece``: expected calibration error, 0 is best; ``brier``: mean squared error; ``bins``:
    [said, right, cases] of each tenth that has cases
    """
    said, answers = probabilities.max(axis=1), probabilities.argmax(axis=1)
    is_right = answers == truth
    tenth = np.minimum((said * _BINS).astype(int), _BINS - 1)
    bins, error = [], 0.0
    for one in range(_BINS):
        inside = tenth == one
        if inside.any():
            pair = float(said[inside].mean()), float(is_right[inside].mean())
            bins.append([round(pair[0], 4), round(pair[1], 4), int(inside.sum())])
            error += float(inside.mean()) * abs(pair[0] - pair[1])
    targets = np.eye(probabilities.shape[1])[truth]
    brier = float(((probabilities - targets) ** 2).sum(axis=1).mean())
    return {"ece": round(error, 4), "brier": round(brier, 4), "bins": bins}


def _class_figures(
    probabilities: Floats, answers: Integers, truth: Integers, index: int, draw: PatientDraws
) -> dict[str, Figure]:
    said, is_so = answers == index, truth == index
    return {
        "precision": draw.interval(lambda rows: _share(is_so[rows][said[rows]])),
        "recall": draw.interval(lambda rows: _share(said[rows][is_so[rows]])),
        "f1": draw.interval(lambda rows: _f1(said[rows], is_so[rows])),
        "auc": draw.interval(lambda rows: auc(probabilities[rows, index], is_so[rows])),
    }


def _share(values: npt.NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if values.size else None


def _balanced(answers: Integers, truth: Integers) -> float:
    present = np.unique(truth).tolist()
    return float(np.mean([(answers[truth == one] == one).mean() for one in present]))


def _macro_f1(answers: Integers, truth: Integers, count: int) -> float | None:
    values = [_f1(answers == one, truth == one) for one in range(count)]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _f1(said: npt.NDArray[np.bool_], is_so: npt.NDArray[np.bool_]) -> float | None:
    total = int(said.sum()) + int(is_so.sum())
    return 2.0 * int((said & is_so).sum()) / total if total else None

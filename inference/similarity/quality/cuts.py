"""The rule of `calibration` on arrays: nearest neighbours, their quantiles, the cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference.similarity.quality.figures import scores_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

LEAST_PAIRS = 200
NEIGHBOURS = 10
PRECISION = 0.8
LOWEST_SHARE, UNLABELLED_SHARE, HIGHEST_SHARE = 0.01, 0.05, 0.10
DIGITS = 3
_PERCENTS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Rows that asked, and the (n, k) rows and scores that they found, best first."""

    asked: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cut:
    """From which score a hit is close, and the 0 to 100 % quantiles of the nearest scores."""

    cut: float
    nearest_quantiles: tuple[float, ...]

    @property
    def lowest(self) -> float:
        """The nearest score below which a query is out of distribution."""
        return self.nearest_quantiles[round(LOWEST_SHARE * 100)]


def nearest_others(
    vectors: npt.NDArray[np.float32],
    patients: npt.NDArray[np.int64],
    asked: npt.NDArray[np.int64],
    metric: str,
) -> Neighbours:
    """Find the nearest neighbours of some objects among those of other patients.

    Parameters
    ----------
    vectors : (n, d) float32, made by `figures.comparable`
    patients : (n,) keys
    asked : rows that ask
    metric : of the space

    Returns
    -------
    `NEIGHBOURS` of each that has so many.
    """
    scores = scores_between(vectors[asked], vectors, metric)
    scores = np.where(patients[asked][:, None] == patients[None, :], -np.inf, scores)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBOURS]
    best = np.take_along_axis(scores, order, axis=1)
    whole = np.isfinite(best).all(axis=1)
    return Neighbours(asked[whole], order[whole], best[whole])


def together(parts: Sequence[Neighbours]) -> Neighbours:
    """Put neighbours of several draws together.

    Parameters
    ----------
    parts : at least one

    Returns
    -------
    All of them.
    """
    return Neighbours(
        np.concatenate([one.asked for one in parts]),
        np.concatenate([one.found for one in parts]),
        np.concatenate([one.scores for one in parts]),
    )


def cut_of(neighbours: Neighbours, labels: Sequence[Sequence[frozenset[str]]] | None = None) -> Cut:
    """Place the cut.

    Parameters
    ----------
    neighbours : of drawn objects, at least one
    labels : one sequence a set of labels, with the labels of every row; empty where a row has
        none of the set

    Returns
    -------
    The cut by the rule of `inference.similarity.quality.calibration`.
    """
    quantiles = np.quantile(neighbours.scores[:, 0], _PERCENTS)
    usual, high = (
        float(quantiles[round(share * 100)]) for share in (UNLABELLED_SHARE, HIGHEST_SHARE)
    )
    cuts = [_labelled_cut(neighbours, own) for own in labels or ()]
    reached = [cut for cut in cuts if cut is not None]
    cut = min(max(*reached, usual), high) if reached else usual
    return Cut(round(cut, DIGITS), tuple(round(float(value), DIGITS) for value in quantiles))


def lowest_precise(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """Return the lowest score from which on enough of the pairs agree.

    Parameters
    ----------
    pairs : score, and whether the two share a label

    Returns
    -------
    A score at or above which at least `PRECISION` agree; None where no score has that.
    """
    ordered = sorted(pairs, reverse=True)
    agreeing = np.cumsum([agrees for _, agrees in ordered])
    precise = np.flatnonzero(agreeing / np.arange(1, len(ordered) + 1) >= PRECISION)
    return float(ordered[precise[-1]][0]) if len(precise) else None


def _labelled_cut(neighbours: Neighbours, labels: Sequence[frozenset[str]]) -> float | None:
    asked = np.repeat(neighbours.asked, neighbours.found.shape[1]).tolist()
    found, scores = neighbours.found.ravel().tolist(), neighbours.scores.ravel().tolist()
    pairs = [
        (score, bool(labels[query] & labels[hit]))
        for query, hit, score in zip(asked, found, scores, strict=True)
        if labels[query] and labels[hit]
    ]
    names = set().union(*(labels[row] for row in asked))
    # One label alone agrees with itself everywhere, and says nothing of any score.
    return lowest_precise(pairs) if len(pairs) >= LEAST_PAIRS and len(names) > 1 else None

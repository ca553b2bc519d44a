"""Figures of retrieval, leave one out: numbers from vectors and labels, nothing from Django."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

DEPTHS = (1, 5, 10)
RECALL_DEPTHS = (10, 50, 100)
_DEPTH_OF_NDCG = 10
NAMES: tuple[str, ...] = (
    *(f"p_at_{depth}" for depth in DEPTHS),
    *(f"recall_at_{depth}" for depth in RECALL_DEPTHS),
    "map",
    "ndcg_at_10",
    "chance",
)
MAX_QUERIES = 2000
RESAMPLES = 1000
CONFIDENCE = 0.95
# An interval over fewer patients says nothing.
LEAST_PATIENTS = 3
_NOTHING = 1e-9
# Scores held at a time: memory stays the same however large the gallery is.
_SCORES_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class QueryFigures:
    """Every query's own figures; what is shown is their mean over a group.

    ``queries`` are rows of the gallery, ``patients`` their patients, ``values`` has one column
    for each of `NAMES`.
    """

    queries: Integers
    patients: Integers
    values: Floats

    def of(self, rows: npt.NDArray[np.bool_]) -> QueryFigures:
        """Return some of the queries.

        Parameters
        ----------
        rows : (queries,) bool, which to keep

        Returns
        -------
        The same figures of fewer queries.
        """
        return QueryFigures(self.queries[rows], self.patients[rows], self.values[rows])


@dataclass(frozen=True, slots=True)
class Gallery:
    """What is searched and what is right: rows belong together.

    ``vectors`` (n, d) float32; ``patients`` (n,) keys; ``labels`` a set of names a row: two
    objects are alike where they share one. ``metric`` is `EmbeddingSpace.metric`.
    """

    vectors: npt.NDArray[np.float32]
    patients: Integers
    labels: Sequence[frozenset[str]]
    metric: str = "cosine"


def sample_queries(number: int, limit: int = MAX_QUERIES, *, seed: int = 0) -> Integers:
    """Draw the rows that ask.

    Parameters
    ----------
    number : rows there are
    limit : rows at most; all of them where there are no more
    seed : the same draw for the same number, so that evaluations can be compared

    Returns
    -------
    Increasing rows.
    """
    if number <= limit:
        return np.arange(number)
    return np.sort(np.random.default_rng(seed).choice(number, size=limit, replace=False))


def measure(gallery: Gallery, queries: Integers | None = None) -> QueryFigures:
    """Search with each query in all objects of other patients.

    A query for which no other patient has anything of its label is left out: nothing could be
    found for it. Means over k take fewer where the gallery has fewer.

    Parameters
    ----------
    gallery : all objects; the queries are among them
    queries : rows that ask; all where None

    Returns
    -------
    The queries that have an answer, with their figures.
    """
    number = len(gallery.vectors)
    asked = np.arange(number) if queries is None else queries
    vectors = comparable(gallery.vectors, gallery.metric)
    codes, shares = _label_codes(gallery.labels)
    at_once = max(1, _SCORES_AT_ONCE // max(1, number))
    found, values = [], []
    for start in range(0, len(asked), at_once):
        chunk = asked[start : start + at_once]
        scores = scores_between(vectors[chunk], vectors, gallery.metric)
        others = gallery.patients[None, :] != gallery.patients[chunk][:, None]
        is_relevant = shares[codes[chunk]][:, codes] & others
        has_answer = is_relevant.any(axis=1)
        kept = (scores[has_answer], others[has_answer], is_relevant[has_answer])
        found.append(chunk[has_answer])
        values.append(_figures(*kept))
    if not found:
        return QueryFigures(asked, gallery.patients[asked], np.zeros((0, len(NAMES))))
    rows = np.concatenate(found)
    return QueryFigures(rows, gallery.patients[rows], np.concatenate(values))


def comparable(vectors: npt.NDArray[np.float32], metric: str) -> npt.NDArray[np.float32]:
    """Make vectors whose inner products rank as the metric does.

    Parameters
    ----------
    vectors : (n, d) float32
    metric : of the space; cosine and Bhattacharyya compare directions

    Returns
    -------
    (n, d) float32; of length 1 where only the direction counts.
    """
    if metric in {"cosine", "bhattacharyya"}:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
    return np.asarray(vectors, dtype=np.float32)


def scores_between(
    left: npt.NDArray[np.float32], right: npt.NDArray[np.float32], metric: str
) -> npt.NDArray[np.float32]:
    """Score every pair as a search does, greater is more alike.

    Parameters
    ----------
    left, right : (n, d) and (m, d), made by `comparable`
    metric : of the space

    Returns
    -------
    (n, m) float32: what `inference.similarity.metrics.score_of` makes of the distances.
    """
    products = left @ right.T
    if metric != "euclidean":
        return np.asarray(products)
    lengths = [np.einsum("ij,ij->i", vectors, vectors) for vectors in (left, right)]
    squares = lengths[0][:, None] + lengths[1][None, :] - 2 * products
    return np.asarray(1 / (1 + np.sqrt(np.maximum(squares, 0))), dtype=np.float32)


def summarise(
    figures: QueryFigures,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    are_shares: bool = True,
) -> dict[str, Any]:
    """Average over queries, with intervals over patients.

    Patients are drawn with replacement, each with all its queries: images of one patient are
    alike, and an interval over images would be too narrow. Where all of them are right, or all
    wrong, drawing from them shows no doubt; then the exact interval of that many of that many
    patients (Clopper and Pearson) bounds it.

    Parameters
    ----------
    figures : of the queries of a group
    resamples : bootstrap draws
    seed : for the same interval every time
    are_shares : figures lie between 0 and 1; differences don't

    Returns
    -------
    ``queries``, ``patients``, and for each of `NAMES` [mean, low, high]: a 95 % interval, None
    below `LEAST_PATIENTS` patients.
    """
    means = figures.values.mean(axis=0) if len(figures.values) else [None] * len(NAMES)
    lows, highs = _interval(figures.patients, figures.values, resamples, seed)
    patients = len(np.unique(figures.patients))
    cell: dict[str, Any] = {
        "queries": len(figures.queries),
        "patients": patients,
    }
    for name, mean, low, high in zip(NAMES, means, lows, highs, strict=True):
        edges = _beyond_bounds(mean, low, high, patients) if are_shares else (low, high)
        cell[name] = [_rounded(mean), *map(_rounded, edges)]
    return cell


def difference(
    first: QueryFigures, second: QueryFigures, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Compare two spaces on the same queries, in pairs.

    Parameters
    ----------
    first, second : figures of the same objects in the same order of rows
    resamples : bootstrap draws over patients
    seed : for the same interval every time

    Returns
    -------
    As `summarise`, of second minus first; queries that only one has are left out.
    """
    shared, left, right = np.intersect1d(first.queries, second.queries, return_indices=True)
    values = second.values[right] - first.values[left]
    paired = QueryFigures(shared, first.patients[left], values)
    return summarise(paired, resamples=resamples, seed=seed, are_shares=False)


def mean_with_interval(values: Sequence[float], *, seed: int = 0) -> list[float | None]:
    """Average independent values.

    Parameters
    ----------
    values : one a question, 0 to 1
    seed : for the same interval every time

    Returns
    -------
    [mean, low, high], a 95 % bootstrap interval; None where there is nothing to say.
    """
    if not len(values):
        return [None, None, None]
    table = np.asarray(values, dtype=np.float64)[:, None]
    lows, highs = _interval(np.arange(len(table)), table, RESAMPLES, seed)
    low, high = _beyond_bounds(table.mean(), lows[0], highs[0], len(table))
    return [_rounded(table.mean()), _rounded(low), _rounded(high)]


def _label_codes(labels: Sequence[frozenset[str]]) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Give each set of labels a number, and say which of them share a label."""
    numbers: dict[frozenset[str], int] = {}
    codes = np.array([numbers.setdefault(one, len(numbers)) for one in labels], dtype=np.int64)
    names = {name: index for index, name in enumerate(sorted(set().union(*numbers)))}
    members = np.zeros((len(numbers), len(names)), dtype=np.float32)
    for one, row in numbers.items():
        members[row, [names[name] for name in one]] = 1
    return codes, members @ members.T > 0


def _figures(
    scores: npt.NDArray[np.float32],
    others: npt.NDArray[np.bool_],
    is_relevant: npt.NDArray[np.bool_],
) -> Floats:
    """Return (queries, names): all of the ranking, the query's own patient at its end."""
    if not len(scores):
        return np.zeros((0, len(NAMES)))
    order = np.argsort(np.where(others, -scores, np.inf), axis=1, kind="stable")
    hits = np.take_along_axis(is_relevant, order, axis=1)
    total, reachable = hits.sum(axis=1), others.sum(axis=1)
    so_far = np.cumsum(hits, axis=1)
    places = np.arange(1, hits.shape[1] + 1)
    average = np.where(hits, so_far / places, 0.0).sum(axis=1) / total
    columns = [so_far[:, _last(depth, hits)] / np.minimum(depth, reachable) for depth in DEPTHS]
    columns += [so_far[:, _last(depth, hits)] / total for depth in RECALL_DEPTHS]
    columns += [average, _ndcg(hits, total), total / reachable]
    return np.stack(columns, axis=1)


def _last(depth: int, hits: npt.NDArray[np.bool_]) -> int:
    return int(min(depth, hits.shape[1])) - 1


def _ndcg(hits: npt.NDArray[np.bool_], total: Integers) -> Floats:
    depth = min(_DEPTH_OF_NDCG, hits.shape[1])
    discounts = 1 / np.log2(np.arange(2, depth + 2))
    best = np.cumsum(discounts)[np.minimum(total, depth) - 1]
    return np.asarray(hits[:, :depth] @ discounts / best)


def _interval(
    patients: Integers, values: Floats, resamples: int, seed: int
) -> tuple[Sequence[float | None], Sequence[float | None]]:
    keys, codes = np.unique(patients, return_inverse=True)
    if len(keys) < LEAST_PATIENTS:
        nothing: list[float | None] = [None] * values.shape[1]
        return nothing, nothing
    sums = np.zeros((len(keys), values.shape[1] + 1))
    np.add.at(sums, codes, np.column_stack([values, np.ones(len(values))]))
    draws = np.random.default_rng(seed).multinomial(
        len(keys), np.full(len(keys), 1 / len(keys)), size=resamples
    )
    totals = draws @ sums
    means = totals[:, :-1] / totals[:, -1:]
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [outside, 1 - outside], axis=0)
    return list(low), list(high)


def _beyond_bounds(
    mean: float | None, low: float | None, high: float | None, patients: int
) -> tuple[float | None, float | None]:
    if mean is None or low is None or high is None:
        return low, high
    doubt = ((1 - CONFIDENCE) / 2) ** (1 / patients)
    if mean >= 1 - _NOTHING:
        return min(low, doubt), high
    if mean <= _NOTHING:
        return low, max(high, 1 - doubt)
    return low, high


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)

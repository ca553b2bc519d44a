"""What the index misses: the same questions asked through it and exactly."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.models import Embedding
from inference.similarity.planning import DEFAULT_LIMITS
from inference.similarity.quality.figures import mean_with_interval
from inference.similarity.quality.unrestricted import other_patients
from inference.similarity.ranking import rank

if TYPE_CHECKING:
    from inference.models import EmbeddingSpace
    from inference.similarity.types import Level

MAX_QUERIES = 100
DEPTH = 10
_THROUGH_INDEX = replace(DEFAULT_LIMITS, exact_rows=0)
_EXACTLY = replace(DEFAULT_LIMITS, exact_rows=10**12)
# Scores that differ by less are the same: both come from half-precision numbers.
_SAME = 1e-6


def index_recall(
    space: EmbeddingSpace, level: Level, *, queries: int = MAX_QUERIES, seed: int = 0
) -> dict[str, Any]:
    """Ask stored vectors through the index and exactly, in the whole archive.

    Parameters
    ----------
    space : ready or being filled
    level : instance or series
    queries : stored vectors that ask, at most
    seed : which ones

    Returns
    -------
    ``queries`` asked, ``recall_at_10`` [mean, low, high]: the share of the ten nearest of other
    patients that the index finds too, and ``has_index``: False where the planner answered all of
    them exactly, because there is no index or it gave up.
    """
    shares, through_index = [], 0
    for vector, patient_id in _stored_queries(space, level, queries, seed):
        parts = other_patients(space, level.value, vector, patient_id)
        ask = partial(rank, space=space, permitted=parts, level=level, k=DEPTH, fold=False)
        exact, found = ask(limits=_EXACTLY), ask(limits=_THROUGH_INDEX)
        if exact.rows:
            worst = exact.rows[-1].score - _SAME
            right = sum(row.score >= worst for row in found.rows)
            shares.append(min(right, len(exact.rows)) / len(exact.rows))
            through_index += not found.is_exact
    return {
        "queries": len(shares),
        "recall_at_10": mean_with_interval(shares),
        "has_index": through_index > 0,
    }


def _stored_queries(
    space: EmbeddingSpace, level: Level, number: int, seed: int
) -> list[tuple[Any, int]]:
    rows = Embedding.objects.filter(space=space, level=level.value).order_by("pk")
    keys = np.fromiter(rows.values_list("pk", flat=True).iterator(), dtype=np.int64)
    chosen = np.random.default_rng(seed).permutation(keys)[:number]
    found = rows.filter(pk__in=[int(key) for key in chosen])
    return [
        (np.asarray(vector, dtype=np.float32), patient_id)
        for vector, patient_id in found.values_list("vector", "study__patient_id")
    ]

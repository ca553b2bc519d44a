"""How alike are two images that have nothing to do with each other? The ground under a score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from django.db import connection
from django.db.models import Q

from inference.models import Embedding, EmbeddingSpace
from inference.similarity.quality.figures import comparable, scores_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

STEPS = 1000
SAMPLE_SIZE = 1000
# Fewer pairs say nothing about rarity.
LEAST_PAIRS = 20
# A space is measured anew when it has grown or shrunk by this share.
STALE_SHARE = 0.1
# Beside the levels, how many vectors there were when they were measured.
_ROWS = "rows"


def refresh_quantiles(
    space: EmbeddingSpace, *, sample_size: int = SAMPLE_SIZE, seed: int | None = None
) -> dict[str, list[float]]:
    """Measure the scores of random pairs of different patients, and keep their quantiles.

    Parameters
    ----------
    space : whose vectors to draw; its `random_pair_quantiles` are written
    sample_size : vectors drawn a level; all their pairs count
    seed : for a repeatable draw

    Returns
    -------
    Stored level to `STEPS` + 1 scores of the space's metric, the 0 to 100 % quantiles; a level
    with fewer than `LEAST_PAIRS` pairs is absent.
    """
    quantiles = {}
    for level in Embedding.Level.values:
        scores = _pair_scores(*_sample(space, level, sample_size, seed), space.metric)
        if len(scores) >= LEAST_PAIRS:
            steps = np.quantile(scores, np.linspace(0, 1, STEPS + 1))
            quantiles[level] = [round(float(step), 5) for step in steps]
    rows = Embedding.objects.filter(space=space).count()
    space.random_pair_quantiles = {**quantiles, _ROWS: rows}
    space.save(update_fields=["random_pair_quantiles"])
    return quantiles


def refresh_stale_quantiles() -> int:
    """Measure the spaces anew that have changed by `STALE_SHARE` since they were measured.

    Returns
    -------
    How many spaces were measured.
    """
    # One that is being filled is measured once it answers.
    answering = EmbeddingSpace.objects.filter(
        Q(state=EmbeddingSpace.State.READY) | Q(is_default=True)
    )
    stale = [space for space in answering if _is_stale(space)]
    for space in stale:
        refresh_quantiles(space)
    return len(stale)


def percentile_of(score: float, quantiles: Sequence[float]) -> float | None:
    """Place a score among those of random pairs.

    Parameters
    ----------
    score : of the space's metric
    quantiles : increasing, evenly spaced from 0 to 100 %; may be empty

    Returns
    -------
    Percent of random pairs that are less alike, 0 to 100; None without quantiles.
    """
    if len(quantiles) < 2:
        return None
    below = int(np.searchsorted(quantiles, score, side="left"))
    if below in {0, len(quantiles)}:
        return 0.0 if below == 0 else 100.0
    low, high = quantiles[below - 1], quantiles[below]
    part = (score - low) / (high - low) if high > low else 0.0
    return round(100 * (below - 1 + part) / (len(quantiles) - 1), 2)


def level_quantiles(space: EmbeddingSpace, level: str) -> list[float]:
    """Return the kept quantiles of a stored level.

    Parameters
    ----------
    space : measured or not
    level : frame, instance or series

    Returns
    -------
    Increasing scores; empty where they were not measured yet.
    """
    return list((space.random_pair_quantiles or {}).get(level, []))


def _is_stale(space: EmbeddingSpace) -> bool:
    measured = int((space.random_pair_quantiles or {}).get(_ROWS, 0))
    rows = Embedding.objects.filter(space=space).count()
    return rows != measured and abs(rows - measured) >= STALE_SHARE * measured


def _sample(
    space: EmbeddingSpace, level: str, size: int, seed: int | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    rows = Embedding.objects.filter(space=space, level=level).order_by()
    keys = _random_keys(space, level, size, seed)
    found = list(rows.filter(pk__in=keys).values_list("vector", "study__patient_id"))
    vectors = np.array([row[0] for row in found], dtype=np.float32)
    return vectors, np.array([row[1] for row in found], dtype=np.int64)


def _random_keys(space: EmbeddingSpace, level: str, size: int, seed: int | None) -> list[int]:
    """Draw keys alone: sorting whole rows at random would move every vector."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {Embedding._meta.db_table}"  # noqa: S608, SLF001 our table's name
            " WHERE space_id = %s AND level = %s ORDER BY "
            + ("random()" if seed is None else "hashint8extended(id, %s)")
            + " LIMIT %s",
            [space.pk, level, *([] if seed is None else [seed]), size],
        )
        return [row[0] for row in cursor.fetchall()]


def _pair_scores(
    vectors: npt.NDArray[np.float32], patients: npt.NDArray[np.int64], metric: str
) -> npt.NDArray[np.float32]:
    if len(vectors) < 2:
        return np.zeros(0, dtype=np.float32)
    own = comparable(vectors, metric)
    first, second = np.triu_indices(len(own), k=1)
    apart = patients[first] != patients[second]
    return np.asarray(scores_between(own, own, metric)[first[apart], second[apart]])

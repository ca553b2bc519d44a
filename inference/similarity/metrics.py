"""What an embedding space's metric means in SQL, in an index, in a stored vector and as a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgvector.django import CosineDistance, L2Distance, MaxInnerProduct

from inference.models import EmbeddingSpace
from inference.similarity.types import ScoreKind

if TYPE_CHECKING:
    from django.db.models import Func


@dataclass(frozen=True, slots=True)
class _Meaning:
    operator: str
    opclass: str
    distance: type[Func]
    is_normalised: bool


_COSINE = _Meaning("<=>", "halfvec_cosine_ops", CosineDistance, is_normalised=True)
_MEANINGS: dict[str, _Meaning] = {
    EmbeddingSpace.Metric.COSINE: _COSINE,
    # Square roots of histograms are unit vectors: their cosine is the Bhattacharyya coefficient.
    EmbeddingSpace.Metric.BHATTACHARYYA: _COSINE,
    EmbeddingSpace.Metric.EUCLIDEAN: _Meaning(
        "<->", "halfvec_l2_ops", L2Distance, is_normalised=False
    ),
    EmbeddingSpace.Metric.INNER_PRODUCT: _Meaning(
        "<#>", "halfvec_ip_ops", MaxInnerProduct, is_normalised=False
    ),
}


def operator(metric: str) -> str:
    """Return pgvector's distance operator.

    Parameters
    ----------
    metric : of `EmbeddingSpace.Metric`

    Returns
    -------
    An operator whose smaller value is more alike; ``<#>`` is the negative inner product.
    """
    return _MEANINGS[metric].operator


def opclass(metric: str) -> str:
    """Return the operator class of an HNSW index over ``halfvec``.

    Parameters
    ----------
    metric : of `EmbeddingSpace.Metric`

    Returns
    -------
    The class whose order is that of `operator`.
    """
    return _MEANINGS[metric].opclass


def distance_function(metric: str) -> type[Func]:
    """Return the Django expression of the distance.

    Parameters
    ----------
    metric : of `EmbeddingSpace.Metric`

    Returns
    -------
    A class taking an expression and a vector.
    """
    return _MEANINGS[metric].distance


def score_of(metric: str, distance: float) -> float:
    """Turn a distance into a score: greater is more alike.

    Parameters
    ----------
    metric : of `EmbeddingSpace.Metric`
    distance : as `operator` gives it

    Returns
    -------
    -1 to 1 for cosine, 0 to 1 for Bhattacharyya, 1 / (1 + distance) for Euclidean (1 is the
    same), the inner product itself, unbounded, for that.
    """
    value = float(distance)
    if metric == EmbeddingSpace.Metric.EUCLIDEAN:
        return 1.0 / (1.0 + value)
    if metric == EmbeddingSpace.Metric.INNER_PRODUCT:
        return -value
    lowest = 0.0 if metric == EmbeddingSpace.Metric.BHATTACHARYYA else -1.0
    return max(lowest, min(1.0, 1.0 - value))


def score_kind(metric: str) -> ScoreKind:
    """Return what the answer calls a score of this metric.

    Parameters
    ----------
    metric : of `EmbeddingSpace.Metric`

    Returns
    -------
    The kind of the same name.
    """
    return ScoreKind(metric)


def is_normalised(metric: str) -> bool:
    """Say whether vectors are stored with length 1.

    Parameters
    ----------
    metric : of `EmbeddingSpace.Metric`

    Returns
    -------
    False where the length carries meaning: Euclidean and inner product.
    """
    return _MEANINGS[metric].is_normalised

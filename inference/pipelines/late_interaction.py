"""Series compared slice by slice: each slice looks for its best counterpart. Pure numpy.

A series' mean vector says what its slices have in common. What is on a few slices alone is lost
in it; here the slices without a good counterpart decide. `inference.similarity.late_interaction`
computes the same in the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

# Beside the cosine of mean vectors; measured in docs/retrieval.md, "Series and volumes".
WEIGHT = 0.25


def late_interaction(ours: Vectors, theirs: Vectors) -> float:
    """Return how well two series' slices find each other, both ways.

    Parameters
    ----------
    ours, theirs : (n, dimension) and (m, dimension) float32, rows of length 1, n and m at least 1

    Returns
    -------
    1 minus the root mean square, over a series' slices, of the cosine distance to the nearest of
    the other's slices, averaged over the two series: 1 is the same, symmetric. The square gives
    the slices that find nothing like them the say; with the plain mean of ColBERT's maxima,
    what is on a few slices counts for less than in the mean vectors.

    References
    ----------
    Khattab and Zaharia 2020, ColBERT, SIGIR (late interaction, there over words). Barrow et al.
    1977, Parametric correspondence and chamfer matching, IJCAI (root mean square of nearest
    distances).
    """
    distances = 1.0 - ours.astype(np.float64) @ theirs.astype(np.float64).T
    nearest = distances.min(axis=1), distances.min(axis=0)
    return 1.0 - sum(float(np.sqrt(np.square(one).mean())) for one in nearest) / 2


def blend(cosine: float, late: float, weight: float = WEIGHT) -> float:
    """Put the cosine of mean vectors and late interaction together.

    Parameters
    ----------
    cosine : of the series' mean vectors
    late : of `late_interaction`
    weight : of late interaction, 0 to 1

    Returns
    -------
    The weighted mean
    """
    return (1.0 - weight) * cosine + weight * late

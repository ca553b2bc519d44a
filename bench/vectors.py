"""Vectors to measure search on: synthetic, but shaped like real ones; and the old hard clusters.

`RealisticVectors` takes the embeddings of real images as seeds. Each vector is a point on the
chord between a seed and one of its ten nearest other seeds, plus noise with the covariance of
the seed's neighbourhood, plus full-rank noise with the covariance of all differences of
neighbours; then of length 1 and rounded as halfvec does. `ClusteredVectors` draws around random
centres with noise of 0.7 of their length in every dimension: inside a cluster all are nearly
equally far from each other, and "the ten nearest" is hardly more than chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

CLUSTERS, CLUSTER_NOISE = 1000, 0.7
NEIGHBOURS = 10
# Of the neighbourhood's own spread, and of that of differences between neighbours.
LOCAL_NOISE, FULL_NOISE = 0.7, 0.5


class Vectors(Protocol):
    """A source of unit vectors."""

    name: str

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return (count, dimension) float32 of length 1, rounded as halfvec."""


@dataclass
class ClusteredVectors:
    """Random centres, noise of the same kind in every dimension."""

    dimension: int
    seed: int = 1
    name: str = "clusters"

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.centres = rng.normal(size=(CLUSTERS, self.dimension)).astype(np.float32)

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        noise = rng.standard_normal((count, self.dimension), dtype=np.float32)
        return _as_stored(self.centres[rng.integers(CLUSTERS, size=count)] + CLUSTER_NOISE * noise)


class RealisticVectors:
    """Between real vectors, with their own noise."""

    name = "realistic"

    def __init__(
        self,
        seeds: npt.NDArray[np.float32],
        *,
        local: float = LOCAL_NOISE,
        full: float = FULL_NOISE,
    ) -> None:
        self.seeds = seeds / np.linalg.norm(seeds, axis=1, keepdims=True)
        self.local, self.full = local, full
        cosines = self.seeds @ self.seeds.T
        np.fill_diagonal(cosines, -np.inf)
        # An image that is there twice is no neighbour.
        cosines[cosines > 1 - 1e-4] = -np.inf
        self.neighbours = np.argsort(-cosines, axis=1)[:, :NEIGHBOURS]
        differences = self.seeds - self.seeds[self.neighbours[:, 0]]
        values, vectors = np.linalg.eigh(np.cov(differences.T))
        self.spectrum = (vectors * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        chosen = rng.integers(len(self.seeds), size=count)
        near = self.neighbours[chosen]
        along = rng.random((count, 1), dtype=np.float32)
        other = self.seeds[near[np.arange(count), rng.integers(NEIGHBOURS, size=count)]]
        drawn = (1 - along) * self.seeds[chosen] + along * other
        around = self.seeds[near]
        around -= around.mean(axis=1, keepdims=True)
        weights = rng.standard_normal((count, NEIGHBOURS), dtype=np.float32) / np.sqrt(NEIGHBOURS)
        drawn += self.local * np.einsum("nk,nkd->nd", weights, around)
        noise = rng.standard_normal((count, self.seeds.shape[1]), dtype=np.float32)
        drawn += self.full * noise @ self.spectrum
        return _as_stored(drawn)


def intrinsic_dimension(vectors: npt.NDArray[np.float32], queries: int = 1000) -> float:
    """Return the TwoNN estimate from the ratio of each vector's two nearest distances.

    Parameters
    ----------
    vectors : (n, dimension) of length 1
    queries : vectors looked from, at most

    Returns
    -------
    Dimension of the manifold that the vectors lie on, at the scale of nearest neighbours.

    References
    ----------
    Facco et al., Scientific Reports 7, 12140 (2017)
    """
    asked = vectors[np.random.default_rng(0).permutation(len(vectors))[:queries]]
    nearest = []
    for start in range(0, len(asked), 100):
        cosines = asked[start : start + 100] @ vectors.T
        best = -np.partition(-cosines, 2, axis=1)[:, :3]
        nearest.append(np.sqrt(np.maximum(2 - 2 * np.sort(best, axis=1)[:, ::-1], 0)))
    first, second = np.concatenate(nearest)[:, 1:].T
    ratios = np.sort((second / np.maximum(first, 1e-9))[first > 1e-2])
    kept = int(0.9 * len(ratios))
    x, y = np.log(ratios[:kept]), -np.log(1 - np.arange(1, kept + 1) / len(ratios))
    return float(x @ y / (x @ x))


def _as_stored(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    stored = vectors.astype(np.float16).astype(np.float32)
    return np.asarray(stored / np.linalg.norm(stored, axis=1, keepdims=True))

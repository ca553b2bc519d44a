"""How far two counts of the same things lie apart, and how far chance alone would take them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Above this a population stability index is called a shift (Siddiqi 2006).
SHIFT = 0.25
_BINS = 5
# Of the normal distribution: one false alarm in a thousand comparisons.
_Z = 3.09
_FLOOR = 1e-3


@dataclass(frozen=True)
class Comparison:
    """What is compared, in shares by name; ``statistic`` past ``threshold`` is drift."""

    reference: dict[str, float]
    recent: dict[str, float]
    statistic: float
    threshold: float

    @property
    def has_drifted(self) -> bool:
        """Whether the two are further apart than chance and custom allow."""
        return self.statistic > self.threshold


def compare_values(reference: Sequence[float], recent: Sequence[float]) -> Comparison:
    """Compare numbers, in bins that hold as many of the reference each."""
    ordered = sorted(reference)
    edges = sorted({ordered[len(ordered) * step // _BINS] for step in range(1, _BINS)})
    return compare_names(_binned(reference, edges), _binned(recent, edges))


def compare_names(reference: Sequence[str], recent: Sequence[str]) -> Comparison:
    """Compare how often each name comes: population stability index."""
    names = sorted({*reference, *recent})
    before, now = _shares(reference, names), _shares(recent, names)
    statistic = _stability_index(list(before.values()), list(now.values()))
    noise = _chance(len(names) - 1) * (1 / len(reference) + 1 / len(recent))
    return Comparison(
        reference=before, recent=now, statistic=statistic, threshold=max(SHIFT, noise)
    )


def _binned(values: Sequence[float], edges: Sequence[float]) -> list[str]:
    limits = ["…", *(f"{edge:g}" for edge in edges), "…"]
    bins = [f"{low} to {high}" for low, high in pairwise(limits)]
    return [bins[bisect_right(edges, value)] for value in values]


def _shares(found: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    counts = Counter(found)
    return {name: round(counts[name] / len(found), 4) for name in names}


def _stability_index(before: Sequence[float], now: Sequence[float]) -> float:
    total = 0.0
    for before_share, now_share in zip(before, now, strict=True):
        old, new = max(before_share, _FLOOR), max(now_share, _FLOOR)
        total += (new - old) * log(new / old)
    return total


def _chance(degrees: int) -> float:
    """Return the chi-square quantile by Wilson and Hilferty (1931)."""
    if degrees < 1:
        return 0.0
    spread = 2 / (9 * degrees)
    return float(degrees * (1 - spread + _Z * spread**0.5) ** 3)

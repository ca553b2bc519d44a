"""Reciprocal rank fusion: several rankings of the same things become one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.similarity.ranking import RankedRow

# Cormack, Clarke and Büttcher's constant: how little the first places stand out.
RANK_CONSTANT = 60


@dataclass(frozen=True, slots=True)
class FusedRow:
    """One thing of the fused ranking; the row's score is its sum of reciprocal ranks."""

    row: RankedRow
    matched_by: tuple[str, ...]


def fuse(rankings: Sequence[tuple[str, Sequence[RankedRow]]], level: Level) -> list[FusedRow]:
    """Fuse rankings: what stands high in several of them stands highest.

    Parameters
    ----------
    rankings : names of parts with their rows, best first, one a unit of the level
    level : what one row is

    Returns
    -------
    Every unit once, by falling sum of 1 / (60 + rank); equal sums in the order of the first
    ranking that has them, then by age. Where a unit has rows of several parts, the first part's
    row stays.

    References
    ----------
    Cormack, Clarke, Büttcher: Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods. SIGIR 2009.
    """
    scores: defaultdict[int, float] = defaultdict(float)
    first_place: dict[int, tuple[int, int]] = {}
    rows: dict[int, RankedRow] = {}
    names: defaultdict[int, list[str]] = defaultdict(list)
    for part, (name, ranking) in enumerate(rankings):
        for place, row in enumerate(ranking, start=1):
            unit = unit_of(row, level)
            scores[unit] += 1.0 / (RANK_CONSTANT + place)
            rows.setdefault(unit, row)
            first_place.setdefault(unit, (part, place))
            names[unit].append(name)
    order = sorted(rows, key=lambda unit: (-scores[unit], first_place[unit]))
    return [
        FusedRow(replace(rows[unit], score=scores[unit]), tuple(dict.fromkeys(names[unit])))
        for unit in order
    ]


def fold_by_patient(rows: Sequence[FusedRow]) -> list[FusedRow]:
    """Keep the best row of each patient.

    Parameters
    ----------
    rows : best first

    Returns
    -------
    The same without a patient's second and further rows.
    """
    best: dict[int, FusedRow] = {}
    for fused in rows:
        best.setdefault(fused.row.patient_id, fused)
    return list(best.values())


def unit_of(row: RankedRow, level: Level) -> int:
    """Return the key of what a row is about at a level.

    Parameters
    ----------
    row : of any part
    level : what one result is

    Returns
    -------
    The study's, series' or, below, the vector's key.
    """
    if level is Level.STUDY:
        return row.study_id
    return row.series_id if level is Level.SERIES else row.embedding_id

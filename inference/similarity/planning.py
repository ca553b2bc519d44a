"""Which way to search: every permitted row, or the index. Ours to choose, never chance's.

An approximate index finds its neighbours first and applies rights and filters to them, so that
a selective filter starves it; reading all rows is right everywhere and slow where they are many.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from django.db import connection

from inference.similarity.spaces import index_name

if TYPE_CHECKING:
    from inference.models import EmbeddingSpace
    from inference.similarity.permitted import Part


class Plan(StrEnum):
    """How rows are ranked."""

    EXACT = "exact"
    INDEX = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLimits:
    """The measured numbers behind the choice; `bench/similarity.py` prints what they give."""

    # Up to so many permitted rows, exact search is both quick and right.
    exact_rows: int = 10_000
    ef_search: int = 200
    # What the index may visit before exact search takes over.
    max_scan_tuples: int = 40_000
    # Rows fetched for one result, so that folding leaves enough of them; times 4 a round.
    oversampling: int = 4
    rounds: int = 3
    # Rows looked at to estimate how many are permitted; the estimate counts where so many of
    # them are, and settles the plan only where it is so many times `exact_rows`.
    sampled_rows: int = 400
    least_seen: int = 20
    estimate_margin: float = 2.0


DEFAULT_LIMITS = SearchLimits()


def choose_plan(
    space: EmbeddingSpace, permitted: list[Part], limits: SearchLimits = DEFAULT_LIMITS
) -> Plan:
    """Choose by the number of permitted rows: estimated where there are plenty, else counted.

    Parameters
    ----------
    space : whose index would be used
    permitted : from `inference.similarity.permitted.compile_permitted`
    limits : where exact search ends

    Returns
    -------
    INDEX where there are more rows than exact search takes and every index is there.
    """
    stored = _indexed_rows(space, permitted)
    if stored is None:
        return Plan.EXACT
    if _is_surely_broad(space, permitted, stored, limits):
        return Plan.INDEX
    counted = count_up_to(permitted, limits.exact_rows + 1)
    return Plan.EXACT if counted <= limits.exact_rows else Plan.INDEX


def count_up_to(permitted: list[Part], limit: int) -> int:
    """Count permitted rows, but no further than a limit.

    Parameters
    ----------
    permitted : disjoint sets
    limit : where to stop counting

    Returns
    -------
    The smaller of the number of rows and the limit.
    """
    counted = 0
    with connection.cursor() as cursor:
        for part in permitted:
            if counted < limit:
                some = part.at_most(limit - counted)
                # The text is Django's own; what was asked for is in its parameters.
                cursor.execute(f"SELECT count(*) FROM ({some.sql}) counted", some.params)  # noqa: S608
                counted += cursor.fetchone()[0]
    return counted


def _indexed_rows(space: EmbeddingSpace, permitted: list[Part]) -> list[float] | None:
    """Return about how many rows each part's index holds, or None where one is missing."""
    names = [index_name(space, part.stored_level) for part in permitted]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reltuples FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relname = ANY(%s) AND indisvalid AND pg_table_is_visible(pg_class.oid)",
            [names],
        )
        found = dict(cursor.fetchall())
    return [found[name] for name in names] if len(found) == len(names) else None


def _is_surely_broad(
    space: EmbeddingSpace, permitted: list[Part], stored: list[float], limits: SearchLimits
) -> bool:
    """Look at some hundred rows: counting thousands costs more than the index saves."""
    needed = limits.exact_rows * limits.estimate_margin
    if sum(stored) < needed:
        return False
    shares = [
        _permitted_share(space, part, _some_series(rows, limits), limits)
        for part, rows in zip(permitted, stored, strict=True)
    ]
    return sum(share * rows for share, rows in zip(shares, stored, strict=True)) >= needed


def _some_series(rows: float, limits: SearchLimits) -> list[int]:
    """Draw keys of series that together hold about `sampled_rows` of so many rows.

    The same keys are drawn every time, so that one query has one plan.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(id), max(id), (SELECT reltuples FROM pg_class"
            " WHERE oid = 'archive_series'::regclass) FROM archive_series"
        )
        first, last, number = cursor.fetchone()
    if first is None or number < 1:
        return []
    gaps = max(1.0, (last - first + 1) / number)
    drawn = limits.sampled_rows * gaps / max(1.0, rows / number)
    keys = np.random.default_rng(0).integers(first, last + 1, size=max(1, round(drawn)))
    return [int(key) for key in keys]


def _permitted_share(
    space: EmbeddingSpace, part: Part, series_ids: list[int], limits: SearchLimits
) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM inference_embedding"
            " WHERE series_id = ANY(%s) AND space_id = %s AND level = %s",
            [series_ids, space.pk, part.stored_level],
        )
        seen = cursor.fetchone()[0]
        # The text is Django's own; what was asked for is in its parameters.
        cursor.execute(
            f"SELECT count(*) FROM ({part.sql}) part WHERE series_id = ANY(%s)",  # noqa: S608
            [*part.params, series_ids],
        )
        allowed = cursor.fetchone()[0]
    return allowed / seen if allowed >= limits.least_seen else 0.0

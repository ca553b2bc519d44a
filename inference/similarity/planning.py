"""Which way to search: every permitted row, or the index. Ours to choose, never chance's.

An approximate index finds its neighbours first and applies rights and filters to them, so that
a selective filter starves it; reading all rows is right everywhere and slow where they are many.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

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


DEFAULT_LIMITS = SearchLimits()


def choose_plan(
    space: EmbeddingSpace, permitted: list[Part], limits: SearchLimits = DEFAULT_LIMITS
) -> Plan:
    """Choose by a count of the permitted rows that stops where exact search would be slow.

    Parameters
    ----------
    space : whose index would be used
    permitted : from `inference.similarity.permitted.compile_permitted`
    limits : where exact search ends

    Returns
    -------
    INDEX where there are more rows than exact search takes and every index is there.
    """
    if count_up_to(permitted, limits.exact_rows + 1) <= limits.exact_rows:
        return Plan.EXACT
    return Plan.INDEX if _has_indexes(space, permitted) else Plan.EXACT


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


def _has_indexes(space: EmbeddingSpace, permitted: list[Part]) -> bool:
    names = [index_name(space, part.stored_level) for part in permitted]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relname = ANY(%s) AND indisvalid AND pg_table_is_visible(pg_class.oid)",
            [names],
        )
        return bool(cursor.fetchone()[0] == len(names))

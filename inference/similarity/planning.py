"""Which way to search: every permitted row, or the index. Ours to choose, never chance's.

An approximate index finds its neighbours first and applies filters to them, so that a selective
filter starves it; reading all rows is right everywhere and slow where they are many. Rights are
no filter here: an index is walked only where every row in it lies inside the asker's rights
(`inference.similarity.realms`), so that what is forbidden costs no time.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.db import connection

from inference.similarity.realms import existing_indexes, walked_index

if TYPE_CHECKING:
    from inference.models import EmbeddingSpace
    from inference.similarity.permitted import Part


class Plan(StrEnum):
    """How rows are ranked. BOUNDED reads rows up to the budget; past it, the index is walked."""

    EXACT = "exact"
    BOUNDED = "bounded"
    INDEX = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLimits:
    """The measured numbers behind the choice; `bench/similarity.py` prints what they give."""

    # Up to so many permitted rows, exact search is both quick and right; None: by the size of
    # the space, as `exact_budget` has it.
    exact_rows: int | None = None
    least_exact_rows: int = 2_000
    # A row met in an index costs so many rows read, times the rows wanted.
    exact_factor: float = 400.0
    # Candidates of an index walk, in a space of 100,000 vectors; grows with the space.
    ef_search: int = 64
    # What the index may visit before exact search takes over.
    max_scan_tuples: int = 40_000
    # Rows fetched for one result, so that folding leaves enough of them: by exact search, and by
    # a walk, which goes on with 4 times as many where that was not enough.
    oversampling: int = 4
    walk_oversampling: int = 2
    rounds: int = 4
    # Rows looked at to estimate how many are permitted; the estimate counts where so many of
    # them are, and settles the plan only where it is so many times the budget.
    sampled_rows: int = 400
    least_seen: int = 20
    estimate_margin: float = 1.25
    # Rows are found by the filters' facts where those are so many times fewer than the realms'.
    rarer: float = 4.0


DEFAULT_LIMITS = SearchLimits()
_TABLE = "inference_embedding"
_IN_SAMPLE = (
    "inference_embedding.id = ANY(ARRAY(SELECT id FROM inference_embedding"
    " TABLESAMPLE SYSTEM (%s) REPEATABLE (0) WHERE space_id = %s AND level = %s))"
)
_MAX_EF_SEARCH = 1000
_ESTIMATE_S, _MAX_ESTIMATES = 60.0, 1000
_estimates: dict[tuple[Any, ...], tuple[float, Estimate]] = {}
_MAX_SAMPLED_PAGES = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """The plan, with what it was chosen by.

    ``budget`` counts rows that exact search may read, ``stored`` the rows of the indexes walked,
    ``share`` the estimated part of them inside the filters; ``realms`` are the realms with an
    index, by stored level. ``is_by_filters``: exact search finds its rows by filters, not rights.
    """

    plan: Plan
    budget: int = 0
    stored: float = 0.0
    share: float = 1.0
    realms: frozenset[tuple[str, str]] = frozenset()
    is_by_filters: bool = False


class Estimate(NamedTuple):
    """About how many rows are permitted, and whether filters lead to them sooner than rights."""

    rows: float
    is_by_filters: bool


def choose_plan(
    space: EmbeddingSpace, permitted: list[Part], limits: SearchLimits = DEFAULT_LIMITS
) -> Choice:
    """Choose by the number of permitted rows, estimated from a sample.

    Parameters
    ----------
    space : whose index would be used
    permitted : from `inference.similarity.permitted.compile_permitted`
    limits : where exact search ends

    Returns
    -------
    EXACT where there is no index or it holds no more than exact search takes; INDEX where the
    sample says that surely more rows are permitted than that; else BOUNDED.
    """
    indexed = rows_of_indexes(space, permitted)
    if not indexed:
        return Choice(Plan.EXACT)
    rows = sum(indexed.values())
    budget = exact_budget(rows, limits)
    if limits.exact_rows is None and rows <= budget:
        return Choice(Plan.EXACT, budget, rows)
    estimate = _remembered_estimate(space, permitted, rows, limits)
    share = min(1.0, max(estimate.rows, budget) / max(rows, 1.0))
    is_surely_broad = estimate.rows >= budget * limits.estimate_margin
    plan = Plan.INDEX if is_surely_broad else Plan.BOUNDED
    return Choice(plan, budget, rows, share, frozenset(indexed), estimate.is_by_filters)


def exact_budget(rows: float, limits: SearchLimits = DEFAULT_LIMITS) -> int:
    """Return up to how many permitted rows exact search is the quicker one.

    Reading n rows costs n; the index meets wanted / (n / rows) rows until it has enough that are
    permitted. Both cost the same where n is the root of their product.

    Parameters
    ----------
    rows : in the index
    limits : the ratio of the costs

    Returns
    -------
    Rows, at least ``least_exact_rows``.
    """
    if limits.exact_rows is not None:
        return limits.exact_rows
    return max(limits.least_exact_rows, int(math.sqrt(limits.exact_factor * max(rows, 0.0))))


def walk_settings(choice: Choice, wanted: int, limits: SearchLimits) -> dict[str, str]:
    """Return how wide and how far an index is walked for so many permitted rows.

    Parameters
    ----------
    choice : with the estimated share of rows inside the filters
    wanted : permitted rows to find
    limits : the width in a small space

    Returns
    -------
    pgvector's settings.
    """
    grown = limits.ef_search * max(1.0, choice.stored / 100_000) ** 0.2
    share = max(choice.share, 1e-3)
    width = max(grown, min(1.5 * wanted / share, 4 * grown), wanted)
    return {
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.ef_search": str(min(round(width), _MAX_EF_SEARCH)),
        "hnsw.max_scan_tuples": str(limits.max_scan_tuples),
        "hnsw.scan_mem_multiplier": "1000",
    }


def rows_of_indexes(space: EmbeddingSpace, permitted: list[Part]) -> dict[tuple[str, str], float]:
    """Return which realms have an index that can be walked.

    Parameters
    ----------
    space : whose indexes
    permitted : rows inside rights and filters

    Returns
    -------
    Stored level and realm to about how many rows its index holds. A realm without an index is
    small: it is read whole, beside the walk through the others.
    """
    names = {
        walked_index(space, part.stored_level, realm): (part.stored_level, realm)
        for part in permitted
        for realm in part.realms
    }
    return {names[name]: rows for name, rows in existing_indexes(tuple(names)).items()}


def _remembered_estimate(
    space: EmbeddingSpace, permitted: list[Part], stored: float, limits: SearchLimits
) -> Estimate:
    """Estimate once a minute for the same rights and filters: people ask by series of questions."""
    # The vector is the first parameter of each part, and no part of the condition.
    said = [part.condition or (part.sql, repr(part.params[1:])) for part in permitted]
    key = (limits, space.pk, tuple(said), permitted[0].realms, round(stored))
    now = time.monotonic()
    kept = _estimates.get(key)
    if kept is not None and now - kept[0] < _ESTIMATE_S:
        return kept[1]
    if len(_estimates) >= _MAX_ESTIMATES:
        _estimates.clear()
    estimate = _estimated(space, permitted, stored, limits)
    _estimates[key] = (now, estimate)
    return estimate


def _estimated(
    space: EmbeddingSpace, permitted: list[Part], stored: float, limits: SearchLimits
) -> Estimate:
    """Look at some hundred rows: counting thousands costs more than the index saves.

    The same pages are looked at every time, so that one query has one plan.
    """
    if stored <= 0:
        return Estimate(0.0, is_by_filters=False)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest(relpages, 1) FROM pg_class WHERE oid = %s::regclass", [_TABLE]
        )
        pages = cursor.fetchone()[0]
        percent = min(100.0, 100 * limits.sampled_rows / stored, 100 * _MAX_SAMPLED_PAGES / pages)
        counted = [_counted(cursor, space, part, percent) for part in permitted]
    allowed, filtered, readable = (sum(column) for column in zip(*counted, strict=True))
    has_facts = all(part.source is not None and part.source.facts for part in permitted)
    return Estimate(
        rows=allowed * 100 / percent if allowed >= limits.least_seen else 0.0,
        is_by_filters=has_facts
        and readable >= limits.least_seen
        and filtered * limits.rarer <= readable,
    )


def _counted(
    cursor: Any, space: EmbeddingSpace, part: Part, percent: float
) -> tuple[int, int, int]:
    """Count rows of the sample: permitted, inside the filters' facts, inside the rights."""
    place = (percent, space.pk, part.stored_level)
    sampled = part.scanned.and_where(_IN_SAMPLE, *place)
    filters, filter_params = part.facts_condition
    realms, realm_params = part.realms_condition
    cursor.execute(
        f"SELECT (SELECT count(*) FROM ({sampled.sql}) sampled),"  # noqa: S608 Django's text and ours
        f" count(*) FILTER (WHERE {filters}), count(*) FILTER (WHERE {realms})"
        f" FROM {_TABLE} WHERE {_IN_SAMPLE}",
        [*sampled.params, *filter_params, *realm_params, *place],
    )
    return cast("tuple[int, int, int]", cursor.fetchone())

"""Rank permitted vectors by distance: exactly or through HNSW, folded, k of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection, transaction

from inference.similarity.metrics import score_of
from inference.similarity.permitted import COLUMNS, Part, united
from inference.similarity.planning import DEFAULT_LIMITS, Plan, SearchLimits, choose_plan
from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.models import EmbeddingSpace

# Partition of the rows of which the best one stays.
_BY_PATIENT, _BY_STUDY, _BY_ROW = "patient_id", "study_id", "id"
_MAX_EF_SEARCH = 1000
_LEAST_OVERSAMPLED = 50


@dataclass(frozen=True, slots=True)
class RankedRow:
    """One row of the ranking, by keys."""

    embedding_id: int
    study_id: int
    series_id: int
    instance_id: int | None
    frame: int | None
    patient_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows, best first, and whether every permitted row was looked at."""

    rows: list[RankedRow]
    is_exact: bool


def rank(
    *,
    space: EmbeddingSpace,
    permitted: list[Part],
    level: Level,
    k: int,
    fold: bool,
    limits: SearchLimits = DEFAULT_LIMITS,
) -> Ranking:
    """Return the k nearest of the permitted rows, one a patient where folded.

    A study's distance is that of its nearest series. Equal distances go by age of the row. An
    index scan that ends before it has k results gives way to exact search, so that fewer than k
    are never returned before every permitted row was looked at.

    Parameters
    ----------
    space : whose vectors
    permitted : rows inside rights and filters with their distances, from
        `inference.similarity.permitted.compile_permitted`
    level : what one result is
    k : results wanted, at least 1
    fold : one result a patient
    limits : measured numbers of the planner

    Returns
    -------
    At most k rows; fewer only where fewer exist.
    """
    if not permitted:
        return Ranking([], is_exact=True)
    fold_key = _fold_key(level, fold=fold)
    if choose_plan(space, permitted, limits) is Plan.INDEX:
        rows = _rank_through_index(space, permitted, fold_key, k, limits)
        if rows is not None:
            return Ranking(rows, is_exact=False)
    # Every distance is computed before any is compared: no index has a say in it.
    return Ranking(_ranked(space, permitted, fold_key, k)[0], is_exact=True)


def count_siblings(permitted: list[Part], patient_ids: list[int], level: Level) -> dict[int, int]:
    """Count what was folded behind each patient's result.

    Parameters
    ----------
    permitted : the rows that were ranked
    patient_ids : keys of the patients in the answer
    level : what one result is

    Returns
    -------
    Patient's key to the number of their other permitted objects of this level.
    """
    if not permitted or not patient_ids:
        return {}
    unit = "study_id" if level is Level.STUDY else "id"
    of_patients = [
        Part(
            part.stored_level,
            f"SELECT * FROM ({part.sql}) part WHERE patient_key = ANY(%s)",  # noqa: S608 Django's text
            (*part.params, patient_ids),
        )
        for part in permitted
    ]
    table, params = united(of_patients)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {table} SELECT patient_id, count(DISTINCT {unit}) - 1"  # noqa: S608 constants
            " FROM candidates GROUP BY patient_id",
            params,
        )
        return dict(cursor.fetchall())


def _fold_key(level: Level, *, fold: bool) -> str:
    if fold:
        return _BY_PATIENT
    return _BY_STUDY if level is Level.STUDY else _BY_ROW


def _rank_through_index(
    space: EmbeddingSpace, permitted: list[Part], fold_key: str, k: int, limits: SearchLimits
) -> list[RankedRow] | None:
    """Scan the index until k results are folded out of it; None where it gives up."""
    wanted = k if fold_key == _BY_ROW else max(k * limits.oversampling, _LEAST_OVERSAMPLED)
    for _ in range(limits.rounds):
        with _planner_for_index(limits, wanted):
            nearest = [part.nearest(wanted) for part in permitted]
            rows, fetched = _ranked(space, nearest, fold_key, k)
        if len(rows) >= k:
            return rows
        if fetched < wanted:
            return None
        wanted *= 4
    return None


def _ranked(
    space: EmbeddingSpace, parts: list[Part], fold_key: str, k: int
) -> tuple[list[RankedRow], int]:
    """Fold and order the parts' rows; return the k best and how many rows the parts had."""
    table, params = united(parts)
    columns = ", ".join(COLUMNS)
    # Column names and the fold key are constants; what was asked for is in the parameters.
    statement = (
        f"WITH {table}, ranked AS ("  # noqa: S608
        f" SELECT *, row_number() OVER (PARTITION BY {fold_key} ORDER BY distance, id) AS place"
        " FROM candidates)"
        f" SELECT {columns}, (SELECT count(*) FROM candidates) FROM ranked"
        " WHERE place = 1 ORDER BY distance, id LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, k])
        found = cursor.fetchall()
    rows = [RankedRow(*(*row[:6], score_of(space.metric, row[6]))) for row in found]
    return rows, found[0][7] if found else 0


@contextmanager
def _planner_for_index(limits: SearchLimits, wanted: int) -> Iterator[None]:
    """Hold PostgreSQL to walking the index and looking up what each step needs.

    Its estimates know nothing of where in the vector space the permitted rows lie. Without
    sorting, hashing and merging only the ordered scan with nested loops is left; with little
    memory for hashes, rights are looked up for the rows met instead of listed for all rows.
    """
    values = {
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.ef_search": str(min(max(limits.ef_search, wanted), _MAX_EF_SEARCH)),
        "hnsw.max_scan_tuples": str(limits.max_scan_tuples),
        "hnsw.scan_mem_multiplier": "1000",
        "work_mem": "64kB",
        "hash_mem_multiplier": "1",
        "enable_sort": "off",
        "enable_incremental_sort": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "enable_seqscan": "off",
        "enable_bitmapscan": "off",
    }
    calls = ", ".join("set_config(%s, %s, true)" for _ in values)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {calls}", [text for pair in values.items() for text in pair])
        yield
        # Nothing was written, and so the settings end here inside an outer transaction, too.
        transaction.set_rollback(True)

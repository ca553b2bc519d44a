"""Rank permitted vectors by distance: exactly or through HNSW, folded, k of them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from inference.similarity.metrics import score_of
from inference.similarity.permitted import COLUMNS, Part, united
from inference.similarity.planning import (
    DEFAULT_LIMITS,
    Choice,
    Plan,
    SearchLimits,
    choose_plan,
    walk_settings,
)
from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.models import EmbeddingSpace

logger = logging.getLogger(__name__)

# Key, keys of study, series, instance, frame, patient's key, distance.
_Row = tuple[Any, ...]
# Partition of the rows of which the best one stays.
_BY_PATIENT, _BY_STUDY, _BY_ROW = "patient_id", "study_id", "id"
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
    wanted = _wanted(k, fold_key, limits)
    choice = choose_plan(space, permitted, limits)
    if choice.plan is Plan.BOUNDED:
        read = _read(permitted, wanted, choice.budget)
        if read is not None:
            return _exact(space, permitted, read, fold_key, k, wanted)
    if choice.plan is not Plan.EXACT:
        rows = _walk(permitted, choice, fold_key, k, limits)
        if rows is not None:
            return Ranking(_scored(space, rows), is_exact=False)
    read = _read(permitted, wanted, None)
    return _exact(space, permitted, read or [], fold_key, k, wanted)


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
            f"SELECT * FROM ({part.sql}) part ({', '.join(COLUMNS)})"  # noqa: S608 Django's text
            " WHERE patient_id = ANY(%s)",
            (*part.params, patient_ids),
        )
        for part in map(Part.truth, permitted)
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


def _wanted(k: int, fold_key: str, limits: SearchLimits) -> int:
    """Rows to fetch first, so that folding leaves k of them as a rule."""
    return k if fold_key == _BY_ROW else max(k * limits.oversampling, _LEAST_OVERSAMPLED)


def _exact(
    space: EmbeddingSpace,
    permitted: list[Part],
    read: list[_Row],
    fold_key: str,
    k: int,
    wanted: int,
) -> Ranking:
    """Fold what was read; where the copies were wrong, or too few are left, ask the truth."""
    rows = _folded(_permitted_of(permitted, read), fold_key)
    is_everything = len(read) < wanted
    if len(rows) < k and not is_everything:
        # A few patients with very many objects fill the first rows.
        rows = _ranked_by_truth(permitted, fold_key, k)
    return Ranking(_scored(space, rows[:k]), is_exact=True)


def _read(parts: list[Part], wanted: int, budget: int | None) -> list[_Row] | None:
    """Compute every distance and return the nearest rows; None where there are too many.

    Every distance is computed before any is compared: no index has a say in it.
    """
    scanned = [part.scanned for part in parts]
    if budget is not None:
        scanned = [part.at_most(budget + 1) for part in scanned]
    table, params = united(scanned)
    # Column names are constants; what was asked for is in the parameters.
    statement = (
        f"WITH {table} SELECT {', '.join(COLUMNS)}, (SELECT count(*) FROM candidates)"  # noqa: S608
        " FROM candidates ORDER BY distance, id LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, wanted])
        found = cursor.fetchall()
    if budget is not None and found and found[0][7] > budget:
        return None
    return [row[:7] for row in found]


def _walk(
    permitted: list[Part], choice: Choice, fold_key: str, k: int, limits: SearchLimits
) -> list[_Row] | None:
    """Walk the realms' indexes until k results are folded out of them; None where that fails."""
    walks = [
        (part, realm)
        for part in permitted
        for realm in part.realms
        if (part.stored_level, realm) in choice.realms
    ]
    small = _small_realms(permitted, choice)
    wanted = _wanted(k, fold_key, limits)
    for _ in range(limits.rounds):
        beside = _read(small, wanted, choice.budget) if small else []
        if beside is None:
            return None
        near = [part.walk(realm).nearest(wanted) for part, realm in walks]
        with _planner_for_walk(walk_settings(choice, wanted, limits)):
            found = _fetched(near)
        # A row of two realms is met twice.
        read = sorted({*found, *beside}, key=_by_distance)
        rows = _folded(_permitted_of(permitted, read), fold_key)
        if len(rows) >= k:
            return rows[:k]
        if len(found) < wanted:
            return None
        wanted *= 4
    return None


def _small_realms(permitted: list[Part], choice: Choice) -> list[Part]:
    """Rows of the realms that have no index, to be read whole."""
    parts = []
    for part in permitted:
        realms = [one for one in part.realms if (part.stored_level, one) not in choice.realms]
        if realms:
            parts.append(replace(part, realms_seen=tuple(realms)))
    return parts


def _fetched(parts: list[Part]) -> list[_Row]:
    union = " UNION ALL ".join(f"({part.sql})" for part in parts)
    with connection.cursor() as cursor:
        cursor.execute(union, [value for part in parts for value in part.params])
        return list(cursor.fetchall())


def _permitted_of(permitted: list[Part], read: list[_Row]) -> list[_Row]:
    """Keep what the rows themselves say is inside rights and filters, whatever the copies say."""
    if all(part.rows is None for part in permitted):
        return read
    keys = [row[0] for row in read]
    true: set[int] = set()
    for part in permitted:
        if part.rows is not None and keys:
            true.update(part.rows.filter(pk__in=keys).values_list("pk", flat=True))
    kept = [row for row in read if row[0] in true]
    if len(kept) < len(read):
        logger.warning("copies of rights or filters were stale", extra={"rows": len(read)})
    return kept


def _folded(rows: list[_Row], fold_key: str) -> list[_Row]:
    """Keep the nearest row of each patient, study or row."""
    place = COLUMNS.index(fold_key)
    best: dict[int, _Row] = {}
    for row in rows:
        best.setdefault(row[place], row)
    return list(best.values())


def _ranked_by_truth(permitted: list[Part], fold_key: str, k: int) -> list[_Row]:
    """Fold in the database, over every permitted row."""
    table, params = united([part.truth() for part in permitted])
    columns = ", ".join(COLUMNS)
    # Column names and the fold key are constants; what was asked for is in the parameters.
    statement = (
        f"WITH {table}, ranked AS ("  # noqa: S608
        f" SELECT *, row_number() OVER (PARTITION BY {fold_key} ORDER BY distance, id) AS place"
        " FROM candidates)"
        f" SELECT {columns} FROM ranked WHERE place = 1 ORDER BY distance, id LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, k])
        return list(cursor.fetchall())


def _by_distance(row: _Row) -> tuple[float, int]:
    return row[6], row[0]


def _scored(space: EmbeddingSpace, rows: list[_Row]) -> list[RankedRow]:
    return [RankedRow(*(*row[:6], score_of(space.metric, row[6]))) for row in rows]


@contextmanager
def _planner_for_walk(settings: dict[str, str]) -> Iterator[None]:
    """Hold PostgreSQL to walking the index and looking up what each step needs.

    Its estimates know nothing of where in the vector space the permitted rows lie. Without
    sorting, hashing and merging only the ordered scan with nested loops is left; with little
    memory for hashes, rights are looked up for the rows met instead of listed for all rows.
    """
    values = {
        **settings,
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

"""Rank permitted vectors by distance: exactly or through HNSW, folded, k of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db import connection

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
from inference.similarity.reading import read_nearest, walk_nearest
from inference.similarity.types import Level

if TYPE_CHECKING:
    from inference.models import EmbeddingSpace
    from inference.similarity.reading import Row

# Partition of the rows of which the best one stays.
_BY_PATIENT, _BY_STUDY, _BY_ROW = "patient_id", "study_id", "id"
# Fetched at first, so that folding leaves enough of them as a rule: reading some more costs
# nothing, walking to some more does, and can go on where it ended too soon.
_LEAST_READ, _LEAST_WALKED = 50, 20


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
    choice = choose_plan(space, permitted, limits)
    if choice.is_by_filters:
        permitted = [replace(part, is_by_filters=True) for part in permitted]
    rows = None
    if choice.plan is Plan.BOUNDED:
        rows = _exact(permitted, choice.budget, fold_key, k, limits)
    is_exact = rows is not None
    if rows is None and choice.plan is not Plan.EXACT:
        rows = _walk(permitted, choice, fold_key, k, limits)
    if rows is None:
        rows, is_exact = _exact(permitted, None, fold_key, k, limits) or [], True
    return Ranking(
        [RankedRow(*(*row[:6], score_of(space.metric, row[6]))) for row in rows], is_exact=is_exact
    )


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


def _exact(
    permitted: list[Part], budget: int | None, fold_key: str, k: int, limits: SearchLimits
) -> list[Row] | None:
    """Read all rows; where the copies were wrong, or folding leaves too few, ask the truth.

    None where they are more than the budget.
    """
    wanted = k if fold_key == _BY_ROW else max(k * limits.oversampling, _LEAST_READ)
    read = read_nearest(permitted, permitted, wanted, budget)
    if read is None:
        return None
    rows = _folded(read[0], fold_key)
    is_everything = read[1]
    if len(rows) < k and not is_everything:
        # A few patients with very many objects fill the first rows.
        rows = _ranked_by_truth(permitted, fold_key, k)
    return rows[:k]


def _walk(
    permitted: list[Part], choice: Choice, fold_key: str, k: int, limits: SearchLimits
) -> list[Row] | None:
    """Walk the realms' indexes until k results are folded out of them; None where that fails."""
    walks = [
        (part, realm)
        for part in permitted
        for realm in part.realms
        if (part.stored_level, realm) in choice.realms
    ]
    small = _small_realms(permitted, choice)
    wanted = k if fold_key == _BY_ROW else max(k * limits.walk_oversampling, _LEAST_WALKED)
    for _ in range(limits.rounds):
        beside = read_nearest(small, permitted, wanted, choice.budget) if small else ([], True)
        if beside is None:
            return None
        near = [part.walk(realm).nearest(wanted) for part, realm in walks]
        settings = walk_settings(choice, wanted, limits)
        found, number = walk_nearest(near, permitted, settings)
        # A row of two realms is met twice.
        rows = _folded(sorted({*found, *beside[0]}, key=_by_distance), fold_key)
        if len(rows) >= k:
            return rows[:k]
        if number < wanted:
            return None
        wanted *= 4
    return None


def _small_realms(permitted: list[Part], choice: Choice) -> list[Part]:
    """Rows of the realms that have no index, to be read whole."""
    parts = []
    for part in permitted:
        realms = [one for one in part.realms if (part.stored_level, one) not in choice.realms]
        if realms:
            parts.append(replace(part, realms_seen=tuple(realms), is_by_filters=False))
    return parts


def _folded(rows: list[Row], fold_key: str) -> list[Row]:
    """Keep the nearest row of each patient, study or row."""
    place = COLUMNS.index(fold_key)
    best: dict[int, Row] = {}
    for row in rows:
        best.setdefault(row[place], row)
    return list(best.values())


def _ranked_by_truth(permitted: list[Part], fold_key: str, k: int) -> list[Row]:
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


def _by_distance(row: Row) -> tuple[float, int]:
    return row[6], row[0]

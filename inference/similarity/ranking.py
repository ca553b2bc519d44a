"""Rank permitted vectors by cosine distance: exactly or through HNSW, folded, k of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Count, F
from django.db.models.functions import Cast
from pgvector.django import CosineDistance, HalfVectorField

from inference.similarity.planning import DEFAULT_LIMITS, Plan, SearchLimits, choose_plan
from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from inference.models import EmbeddingSpace
    from inference.similarity.filters import Candidates

_COLUMNS = "id, study_id, series_id, instance_id, frame, patient_id, distance"
# Partition of the rows of which the best one stays.
_BY_PATIENT, _BY_STUDY, _BY_ROW = "patient_id", "study_id", "id"
_MAX_EF_SEARCH = 1000


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
    permitted: list[Candidates],
    vector: npt.NDArray[np.float32],
    level: Level,
    k: int,
    fold: bool,
    limits: SearchLimits = DEFAULT_LIMITS,
) -> Ranking:
    """Return the k nearest of the permitted rows, one a patient where folded.

    A study's distance is that of its nearest series. Equal distances go by age of the row. The
    index may return too few or leave the rest to chance only until then: fewer than k results
    are never returned before every permitted row was looked at.

    Parameters
    ----------
    space : whose vectors
    permitted : rows inside rights and filters, from `inference.similarity.filters.candidates`
    vector : (dimension,) float32, the query
    level : what one result is
    k : results wanted, at least 1
    fold : one result a patient
    limits : measured numbers of the planner

    Returns
    -------
    At most k rows; fewer only where fewer exist.
    """
    search = _Search(space, permitted, vector, _fold_key(level, fold=fold), k)
    if choose_plan(space, permitted, limits) is Plan.INDEX:
        rows = search.through_index(limits)
        if rows is not None:
            return Ranking(rows, is_exact=False)
    return Ranking(search.exactly(), is_exact=True)


def count_siblings(
    permitted: list[Candidates], patient_ids: list[int], level: Level
) -> dict[int, int]:
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
    unit = "study_id" if level is Level.STUDY else "pk"
    found: dict[int, int] = dict.fromkeys(patient_ids, 0)
    for part in permitted:
        rows = part.rows.filter(study__patient_id__in=patient_ids)
        counts = rows.values_list("study__patient_id").annotate(Count(unit, distinct=True))
        for patient_id, number in counts:
            found[patient_id] += number
    return {patient_id: max(number - 1, 0) for patient_id, number in found.items()}


def _fold_key(level: Level, *, fold: bool) -> str:
    if fold:
        return _BY_PATIENT
    return _BY_STUDY if level is Level.STUDY else _BY_ROW


class _Search:
    """One query's SQL, in both plans; rights and filters are in every part of it."""

    def __init__(
        self,
        space: EmbeddingSpace,
        permitted: list[Candidates],
        vector: npt.NDArray[np.float32],
        fold_key: str,
        k: int,
    ) -> None:
        distance = CosineDistance(
            Cast("vector", HalfVectorField(dimensions=space.dimension)), vector
        )
        self._parts = [
            part.rows.annotate(patient_key=F("study__patient_id"), distance=distance).values_list(
                "pk", "study_id", "series_id", "instance_id", "frame", "patient_key", "distance"
            )
            for part in permitted
        ]
        self._fold_key = fold_key
        self._k = k

    def exactly(self) -> list[RankedRow]:
        """Compute every distance first: no index has a say, and no LIMIT tempts the planner."""
        return self._run([_compiled(part) for part in self._parts])[0]

    def through_index(self, limits: SearchLimits) -> list[RankedRow] | None:
        """Scan the index until k results are folded out of it; None where it gives up."""
        wanted = self._k
        if self._fold_key != _BY_ROW:
            wanted = max(self._k * limits.oversampling, 50)
        for _ in range(limits.rounds):
            parts = [_compiled(part.order_by("distance")[:wanted]) for part in self._parts]
            with _planner_for_index(limits, wanted):
                rows, fetched = self._run(parts)
            if len(rows) >= self._k:
                return rows
            if fetched < wanted:
                return None
            wanted *= 4
        return None

    def _run(self, parts: list[tuple[str, tuple[Any, ...]] | None]) -> tuple[list[RankedRow], int]:
        present = [part for part in parts if part is not None]
        if not present:
            return [], 0
        union = " UNION ALL ".join(f"({sql})" for sql, _ in present)
        # Column names and the fold key are constants of this module.
        statement = (
            f"WITH candidates ({_COLUMNS}) AS MATERIALIZED ({union}), ranked AS ("  # noqa: S608
            f" SELECT *, row_number() OVER (PARTITION BY {self._fold_key} ORDER BY distance, id)"
            " AS place FROM candidates)"
            f" SELECT {_COLUMNS}, (SELECT count(*) FROM candidates) FROM ranked"
            " WHERE place = 1 ORDER BY distance, id LIMIT %s"
        )
        params = [value for _, values in present for value in values]
        with connection.cursor() as cursor:
            cursor.execute(statement, [*params, self._k])
            found = cursor.fetchall()
        rows = [RankedRow(*(*row[:6], _cosine(row[6]))) for row in found]
        return rows, found[0][7] if found else 0


def _compiled(part: Any) -> tuple[str, tuple[Any, ...]] | None:
    try:
        sql, params = part.query.sql_with_params()
    except EmptyResultSet:
        return None
    return sql, params


def _cosine(distance: float) -> float:
    return max(-1.0, min(1.0, 1.0 - float(distance)))


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

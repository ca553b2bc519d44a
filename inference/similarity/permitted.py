"""The permitted rows as SQL, compiled once and used by every statement of a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db.models import F
from django.db.models.functions import Cast
from pgvector.django import HalfVectorField

from inference.similarity.filters import permitted_rows
from inference.similarity.metrics import distance_function

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from archive.models.querysets import AnyUser
    from inference.models import EmbeddingSpace
    from inference.similarity.filters import Scope

COLUMNS = ("id", "study_id", "series_id", "instance_id", "frame", "patient_id", "distance")


@dataclass(frozen=True, slots=True)
class Part:
    """``SELECT`` of the permitted rows of one stored level, with their distances, unordered."""

    stored_level: str
    sql: str
    params: tuple[Any, ...]

    def nearest(self, limit: int) -> Part:
        """Return the same rows, nearest first and so many: what an index can scan.

        Parameters
        ----------
        limit : rows at most

        Returns
        -------
        A part with ``ORDER BY`` and ``LIMIT``.
        """
        return Part(
            self.stored_level, f"{self.sql} ORDER BY distance LIMIT %s", (*self.params, limit)
        )

    def at_most(self, limit: int) -> Part:
        """Return so many of the same rows, any of them: to be counted.

        Parameters
        ----------
        limit : rows at most

        Returns
        -------
        A part with ``LIMIT``.
        """
        return Part(self.stored_level, f"{self.sql} LIMIT %s", (*self.params, limit))


def compile_permitted(
    user: AnyUser, space: EmbeddingSpace, scope: Scope, vector: npt.NDArray[np.float32]
) -> list[Part]:
    """Write rights, filters and distance as SQL.

    Parameters
    ----------
    user : only what they may see is selected
    space : whose vectors
    scope : level, filters and what is left out
    vector : (dimension,) float32, the query

    Returns
    -------
    One part a stored level of the scope; none where nothing can be permitted.
    """
    stored = Cast("vector", HalfVectorField(dimensions=space.dimension))
    distance = distance_function(space.metric)(stored, vector)
    parts = []
    for stored_level, rows in permitted_rows(user, space, scope):
        columns = rows.annotate(patient_key=F("study__patient_id"), distance=distance).values_list(
            "pk", "study_id", "series_id", "instance_id", "frame", "patient_key", "distance"
        )
        try:
            sql, params = columns.query.sql_with_params()
        except EmptyResultSet:
            continue
        parts.append(Part(stored_level, sql, params))
    return parts


def united(parts: list[Part]) -> tuple[str, list[Any]]:
    """Put parts together as one table ``candidates`` of a ``WITH`` clause.

    Parameters
    ----------
    parts : at least one

    Returns
    -------
    ``candidates (…) AS MATERIALIZED (…)`` and its parameters. Materialised, so that nothing
    outside of it reaches into the way its rows are found.
    """
    union = " UNION ALL ".join(f"({part.sql})" for part in parts)
    params = [value for part in parts for value in part.params]
    return f"candidates ({', '.join(COLUMNS)}) AS MATERIALIZED ({union})", params

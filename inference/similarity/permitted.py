"""The permitted rows as SQL, compiled once and used by every statement of a search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db.models import F, QuerySet
from django.db.models.functions import Cast
from pgvector.django import HalfVectorField

from inference.similarity.facts import readable_facts
from inference.similarity.filters import copied_rows, permitted_rows
from inference.similarity.metrics import distance_function

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from archive.models.querysets import AnyUser
    from inference.models import Embedding, EmbeddingSpace
    from inference.similarity.filters import Scope

COLUMNS = ("id", "study_id", "series_id", "instance_id", "frame", "patient_id", "distance")
# The partial index over all rows of a space answers only to a query that says this: see
# `inference.similarity.spaces`. No other index answers to it.
WHOLE_SPACE = '"inference_embedding"."patient_key" > -1'
_FACTS = '"inference_embedding"."facts"'


@dataclass(frozen=True, slots=True)
class Part:
    """``SELECT`` of rows of one stored level, with their distances, unordered.

    ``rows`` are the same rows as a queryset: what a result is checked with in the end.
    """

    stored_level: str
    sql: str
    params: tuple[Any, ...]
    copies: Copies | None = None
    rows: QuerySet[Embedding] | None = None

    def and_where(self, condition: str, *params: object) -> Part:
        """Return those rows that fulfil one more condition.

        Parameters
        ----------
        condition : on the columns of the vectors' table
        params : its parameters

        Returns
        -------
        A part of the same columns.
        """
        return replace(self, sql=f"{self.sql} AND {condition}", params=(*self.params, *params))

    def nearest(self, limit: int) -> Part:
        """Return the same rows, nearest first and so many: what an index can scan.

        Parameters
        ----------
        limit : rows at most

        Returns
        -------
        A part with ``ORDER BY`` and ``LIMIT``.
        """
        sql = f"{self.sql} ORDER BY distance LIMIT %s"
        return replace(self, sql=sql, params=(*self.params, limit))

    def at_most(self, limit: int) -> Part:
        """Return so many of the same rows, any of them: to be counted.

        Parameters
        ----------
        limit : rows at most

        Returns
        -------
        A part with ``LIMIT``.
        """
        return replace(self, sql=f"{self.sql} LIMIT %s", params=(*self.params, limit))

    def of_realms(self, realms: tuple[str, ...]) -> Part:
        """Return the rows of some of the realms, as exact search reads them.

        Parameters
        ----------
        realms : some of `realms`

        Returns
        -------
        A part without copies.
        """
        if self.copies is None or realms == ("",):
            return self.scanned
        return replace(self.copies, realms=realms).within_rights

    @property
    def scanned(self) -> Part:
        """The rows as exact search reads them: by the copies where there are some."""
        return self if self.copies is None else self.copies.within_rights

    def walk(self, realm: str) -> Part:
        """Return the rows of one realm in the way that its index, and no other, can scan.

        Parameters
        ----------
        realm : a fact of the asker's rights; empty for the whole space

        Returns
        -------
        A part without order.
        """
        rows = self if self.copies is None else self.copies.part
        if realm:
            return rows.and_where(f"{_FACTS} @> %s::text[]", [realm])
        return rows.and_where(WHOLE_SPACE)

    @property
    def realms(self) -> tuple[str, ...]:
        """The sets that together are what the asker may see; one empty name for everything."""
        if self.copies is None or self.copies.realms is None:
            return ("",)
        return self.copies.realms


@dataclass(frozen=True, slots=True)
class Copies:
    """The rows inside the filters by the copies they carry, and the facts of the rights."""

    part: Part
    realms: tuple[str, ...] | None

    @property
    def within_rights(self) -> Part:
        """Rows that carry any of the facts."""
        if self.realms is None:
            return self.part
        return self.part.and_where(f"{_FACTS} && %s::text[]", list(self.realms))


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
    facts = readable_facts(user)
    if facts is not None and not facts:
        return []
    realms = None if facts is None else tuple(sorted(facts))
    parts = []
    by_copies = copied_rows(user, space, scope)
    truly = permitted_rows(user, space, scope)
    for (stored_level, quick), (_, rows) in zip(by_copies, truly, strict=True):
        try:
            copies = Copies(_compiled(stored_level, quick, distance, "patient_key"), realms)
            true = _compiled(stored_level, rows, distance, "study__patient_id")
        except EmptyResultSet:
            continue
        parts.append(replace(true, copies=copies, rows=rows))
    return parts


def _compiled(stored_level: str, rows: QuerySet[Embedding], distance: Any, patient: str) -> Part:
    columns = rows.annotate(patient=F(patient), distance=distance).values_list(
        "pk", "study_id", "series_id", "instance_id", "frame", "patient", "distance"
    )
    sql, params = columns.query.sql_with_params()
    return Part(stored_level, sql, tuple(params))


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

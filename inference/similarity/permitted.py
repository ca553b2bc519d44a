"""The permitted rows as SQL, compiled once and used by every statement of a search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db.models.functions import Cast
from pgvector.django import HalfVectorField

from inference.similarity.facts import readable_facts
from inference.similarity.filters import copied_rows, permitted_rows
from inference.similarity.metrics import distance_function

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser
    from inference.models import Embedding, EmbeddingSpace
    from inference.similarity.filters import Scope

_KEYS = ("pk", "study_id", "series_id", "instance_id", "frame")
COLUMNS = ("id", "study_id", "series_id", "instance_id", "frame", "patient_id", "distance")
# The partial index over all rows of a space answers only to a query that says this: see
# `inference.similarity.spaces.registry`. No other index answers to it.
WHOLE_SPACE = '"inference_embedding"."patient_key" > -1'
_FACTS = '"inference_embedding"."facts"'


@dataclass(frozen=True, slots=True)
class Part:
    """``SELECT`` of rows of one stored level, with their distances, unordered.

    Where ``rows`` is there, the statement asks the copies that vectors carry, and says nothing
    of rights: those are the ``realms``. ``rows`` are the permitted rows by the truth, with which
    every result is checked in the end. ``realms`` is None for everything.
    """

    stored_level: str
    sql: str
    params: tuple[Any, ...]
    rows: QuerySet[Embedding] | None = None
    realms_seen: tuple[str, ...] | None = None

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

    def of_realms(self, realms: tuple[str, ...] | None) -> Part:
        """Return the rows of some of the realms, as exact search reads them.

        Parameters
        ----------
        realms : some of `realms`; None for no condition

        Returns
        -------
        A part with the condition.
        """
        if realms is None or realms == ("",):
            return self
        return self.and_where(f"{_FACTS} && %s::text[]", list(realms))

    @property
    def scanned(self) -> Part:
        """The rows as exact search reads them: inside the rights, by the copies."""
        return self.of_realms(self.realms_seen)

    def walk(self, realm: str) -> Part:
        """Return the rows of one realm in the way that its index, and no other, can scan.

        Parameters
        ----------
        realm : a fact of the asker's rights; empty for the whole space

        Returns
        -------
        A part without order.
        """
        if realm:
            return self.and_where(f"{_FACTS} @> %s::text[]", [realm])
        return self.and_where(WHOLE_SPACE)

    @property
    def realms(self) -> tuple[str, ...]:
        """The sets that together are what the asker may see; one empty name for everything."""
        return ("",) if self.realms_seen is None else self.realms_seen

    def truth(self) -> Part:
        """Return the rows by the truth, whatever the copies say.

        Returns
        -------
        A part that asks no copies.
        """
        if self.rows is None:
            return self
        columns = self.rows.values_list(*_KEYS, "study__patient_id", "distance")
        return Part(self.stored_level, *columns.query.sql_with_params())


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
        columns = quick.annotate(distance=distance).values_list(*_KEYS, "patient_key", "distance")
        try:
            sql, params = columns.query.sql_with_params()
        except EmptyResultSet:
            continue
        parts.append(Part(stored_level, sql, params, rows.annotate(distance=distance), realms))
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

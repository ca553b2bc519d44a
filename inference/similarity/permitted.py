"""The permitted rows as SQL, compiled once and used by every statement of a search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from archive.models.granted import granted_studies
from inference.similarity.compiled import compile_question
from inference.similarity.facts import GRANTED

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from archive.models.querysets import AnyUser
    from inference.models import EmbeddingSpace
    from inference.similarity.compiled import Compiled
    from inference.similarity.filters import Scope

COLUMNS = ("id", "study_id", "series_id", "instance_id", "frame", "patient_id", "distance")
# The partial index over all rows of a space answers only to a query that says this: see
# `inference.similarity.spaces.registry`. No other index answers to it.
WHOLE_SPACE = '"inference_embedding"."patient_key" > -1'
_FACTS = '"inference_embedding"."facts"'


@dataclass(frozen=True, slots=True)
class Part:
    """``SELECT`` of rows of one stored level, with their distances, unordered.

    Where ``source`` is there, the statement asks the copies that vectors carry, and says nothing
    of rights: those are the ``realms``. ``source`` also has the permitted rows by the truth, with
    which every result is checked in the end. ``realms_seen`` is None for everything.
    ``condition`` is all that the text depends on but the question itself. Where ``is_by_filters``,
    exact search is led to its rows by the facts of the filters and not by those of the realms.
    """

    stored_level: str
    sql: str
    params: tuple[Any, ...]
    source: Compiled | None = None
    realms_seen: tuple[str, ...] | None = None
    condition: tuple[Any, ...] = ()
    is_by_filters: bool = False

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

    @property
    def scanned(self) -> Part:
        """The rows as exact search reads them: inside the rights, by the copies."""
        if self.source is None:
            return self
        if self.realms_seen is None or self.realms_seen == ("",):
            # What is withheld carries no key. Said so that no index answers to it.
            return self.and_where(f"CASE WHEN {WHOLE_SPACE} THEN true ELSE false END")
        condition, params = _inside(self.realms_seen)
        if self.is_by_filters:
            # The index over facts reads every row of a realm to find the few inside the filters.
            condition = f"CASE WHEN {condition} THEN true ELSE false END"
        return self.and_where(condition, *params)

    @property
    def facts_condition(self) -> tuple[str, list[Any]]:
        """What the copies say of the filters alone, as SQL; true where they say nothing."""
        facts = self.source.facts if self.source else ()
        conditions = [f"{_FACTS} && %s::text[]" for _ in facts]
        return " AND ".join(conditions) or "true", [list(one) for one in facts]

    @property
    def realms_condition(self) -> tuple[str, list[Any]]:
        """What the copies say of the rights alone, as SQL."""
        if self.realms_seen is None or self.realms_seen == ("",):
            return "true", []
        return _inside(self.realms_seen)

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
        if self.source is None:
            return self
        return Part(self.stored_level, *self.source.true_rows)


def _inside(realms: tuple[str, ...]) -> tuple[str, list[Any]]:
    """Write that a row lies in one of the realms; single studies are looked up, not copied."""
    facts = [one for one in realms if not one.startswith(GRANTED)]
    condition = f"{_FACTS} && %s::text[]"
    accounts = [int(one.removeprefix(GRANTED)) for one in realms if one.startswith(GRANTED)]
    if not accounts:
        return condition, [facts]
    studies, params = granted_studies(accounts[0]).query.sql_with_params()
    # What is withheld carries no patient. Said so that no index answers to it.
    granted = (
        f'("inference_embedding"."study_id" = ANY(ARRAY({studies}))'
        f" AND CASE WHEN {WHOLE_SPACE} THEN true ELSE false END)"
    )
    if not facts:
        return granted, list(params)
    return f"({condition} OR {granted})", [facts, *params]


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
    asked = compile_question(user, space, scope, vector)
    realms = None if asked.readable is None else tuple(sorted(asked.readable))
    return [
        Part(one.stored_level, *one.copies, one, realms, asked.condition) for one in asked.levels
    ]


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


def is_true(parts: list[Part], key: str) -> tuple[str, list[Any]]:
    """Return the condition that a row lies inside rights and filters by the truth.

    Parameters
    ----------
    parts : the permitted rows
    key : column that names the row

    Returns
    -------
    SQL and its parameters. Looked up row by row: the few rows found are asked for, and never all
    permitted ones listed, as the planner may do with ``EXISTS``.
    """
    checked = [part.source.true_keys for part in parts if part.source is not None]
    if not checked:
        return "true", []
    conditions = [
        f"(SELECT true FROM ({one.sql}) true_row (id) WHERE true_row.id = {key} LIMIT 1)"  # noqa: S608
        for one in checked
    ]
    params = [value for one in checked for value in one.params]
    return f"coalesce({', '.join(conditions)}, false)", params

"""Rights, filters and distance as SQL, written by Django once and filled in afterwards.

Django takes longer to write a statement than PostgreSQL takes to run it. The text depends on
rights, filters and on how many objects are left out, not on which ones: those and the vector are
filled in for each question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.models.functions import Cast
from pgvector import HalfVector
from pgvector.django import HalfVectorField

from archive.models.memberships import memberships_kept, memberships_of
from inference.similarity.facts import filter_facts, readable_by
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
# What is filled in, and the number that stands for its first value; no key is negative.
_FILLED = {
    "only_patients": -(10**12),
    "without_patients": -2 * 10**12,
    "without_studies": -3 * 10**12,
    "without_series": -4 * 10**12,
    "without_instances": -5 * 10**12,
}
_MOST_FILLED, _MAX_KEPT = 50, 500
_kept: dict[tuple[Any, ...], list[Compiled]] = {}


class Statement(NamedTuple):
    """SQL and its parameters."""

    sql: str
    params: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is asked of one stored level.

    ``copies`` are the rows inside the filters by the copies that vectors carry, rights apart;
    ``true_rows`` those inside rights and filters by the truth; both with the columns of
    `inference.similarity.permitted.COLUMNS`, the query vector being the first parameter.
    ``true_keys`` are the keys of the latter. ``facts`` are the lists that the filters ask for.
    """

    stored_level: str
    copies: Statement
    true_rows: Statement
    true_keys: Statement
    facts: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """The statements of a question, the facts of the rights, and what the text depends on."""

    levels: list[Compiled]
    readable: frozenset[str] | None
    condition: tuple[Any, ...]


def compile_question(
    user: AnyUser, space: EmbeddingSpace, scope: Scope, vector: npt.NDArray[np.float32]
) -> Asked:
    """Write the statements of a question, or fill in those that were written before.

    Parameters
    ----------
    user : whose rights; read anew for every question
    space : whose vectors
    scope : level, filters and what is left out
    vector : (dimension,) float32, the query

    Returns
    -------
    Nothing where nothing may be seen; levels at which nothing can match are left out.
    """
    with memberships_kept():
        # The text is written by the same memberships as it is kept under.
        held = memberships_of(user)
        readable = readable_by(held)
        shape = _shape_of(scope)
        condition = (user.pk, held, space.pk, space.metric, space.dimension, shape or scope)
        if readable is not None and not readable:
            return Asked([], readable, condition)
        # Which projects a filter means is looked up while it is written.
        may_keep = shape is not None and not scope.filters.project
        compiled = _kept.get(condition) if may_keep else None
        if compiled is None:
            compiled = _compiled(user, space, shape or scope)
            if may_keep:
                if len(_kept) >= _MAX_KEPT:
                    _kept.clear()
                _kept[condition] = compiled
    # Five digits tell every half-precision number from every other.
    text = f"[{','.join(f'{value:.5g}' for value in vector.astype('float16').tolist())}]"
    fill = _fill_of(scope) if shape is not None else {}
    return Asked([_filled(one, text, fill) for one in compiled], readable, condition)


def _shape_of(scope: Scope) -> Scope | None:
    """Return the scope with stand-ins for what is filled in; None for too many."""
    if any(len(getattr(scope, name)) > _MOST_FILLED for name in _FILLED):
        return None
    stand_ins: dict[str, Any] = {
        name: frozenset(first - place for place in range(len(getattr(scope, name))))
        for name, first in _FILLED.items()
    }
    return replace(scope, **stand_ins)


def _fill_of(scope: Scope) -> dict[int, int]:
    return {
        first - place: key
        for name, first in _FILLED.items()
        for place, key in enumerate(sorted(getattr(scope, name)))
    }


def _filled(one: Compiled, vector: str, fill: dict[int, int]) -> Compiled:
    return replace(
        one,
        copies=_filled_statement(one.copies, vector, fill),
        true_rows=_filled_statement(one.true_rows, vector, fill),
        true_keys=_filled_statement(one.true_keys, "", fill),
    )


def _filled_statement(statement: Statement, vector: str, fill: dict[int, int]) -> Statement:
    params = tuple(
        fill.get(value, value) if isinstance(value, int) else value for value in statement.params
    )
    return Statement(statement.sql, (vector, *params[1:]) if vector else params)


def _compiled(user: AnyUser, space: EmbeddingSpace, scope: Scope) -> list[Compiled]:
    stored = Cast("vector", HalfVectorField(dimensions=space.dimension))
    # Stands for the query's: the first parameter of what names it.
    nothing = HalfVector([0.0] * space.dimension)
    distance = distance_function(space.metric)(stored, nothing)
    facts = tuple(map(tuple, filter_facts(scope.filters, user)))
    by_copies, truly = copied_rows(user, space, scope), permitted_rows(user, space, scope)
    compiled = []
    for (stored_level, quick), (_, rows) in zip(by_copies, truly, strict=True):
        try:
            copies = _statement(
                quick.annotate(distance=distance).values_list(*_KEYS, "patient_key", "distance")
            )
            true_rows = _statement(
                rows.annotate(distance=distance).values_list(
                    *_KEYS, "study__patient_id", "distance"
                )
            )
            true_keys = _statement(rows.values_list("pk"))
        except EmptyResultSet:
            continue
        compiled.append(Compiled(stored_level, copies, true_rows, true_keys, facts))
    return compiled


def _statement(rows: QuerySet[Embedding, Any]) -> Statement:
    sql, params = rows.query.sql_with_params()
    return Statement(sql, tuple(params))

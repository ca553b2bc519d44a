"""The one gate of `archive.models.querysets` as SQL, for statements that are written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connection

from archive.models.memberships import memberships_given, memberships_of

if TYPE_CHECKING:
    from django.db.models import Model

    from archive.models.memberships import Held
    from archive.models.querysets import AnyUser

_MAX_KEPT = 2000


class Visibility(NamedTuple):
    """A condition on rows of a table under its own name, and the tables that it speaks of."""

    sql: str
    params: tuple[Any, ...]
    tables: frozenset[str]


_kept: dict[tuple[str, tuple[Held, ...]], Visibility] = {}


def visibility(model: type[Model], user: AnyUser) -> Visibility:
    """Return what `visible_to` asks of a row, word for word.

    It follows from the account's memberships alone, so it is compiled once for all who hold the
    same.

    Parameters
    ----------
    model
        one whose manager has `visible_to`
    user
        the asker

    Returns
    -------
    ``true`` where everything is seen, ``false`` where nothing is
    """
    held = memberships_of(user)
    key = (model._meta.db_table, held)  # noqa: SLF001 Django's documented way
    found = _kept.get(key)
    if found is None:
        # Of just these memberships, even if they change between.
        with memberships_given(user, held):
            found = _compiled(model, user)
        if len(_kept) >= _MAX_KEPT:
            _kept.clear()
        _kept[key] = found
    return found


def _compiled(model: type[Model], user: AnyUser) -> Visibility:
    manager: Any = model._default_manager  # noqa: SLF001 Django's documented way
    query = manager.visible_to(user).query
    compiler = query.get_compiler(connection=connection)
    try:
        sql, params = compiler.compile(query.where)
    except EmptyResultSet:
        return Visibility("false", (), frozenset())
    except FullResultSet:
        return Visibility("true", (), frozenset())
    # Joined tables go by their own names; those of subqueries by aliases.
    tables = {name for name, count in query.alias_refcount.items() if count}
    return Visibility(f"({sql})", tuple(params), frozenset(tables))

"""Queries that are asked hundreds of times a second: written once, prepared by the database.

Django builds a queryset's SQL anew each time, which costs more than the database's answer. Here it
is built once for each set of rights, by the same querysets and their `visible_to`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import InterfaceError, OperationalError, connection

from archive.models.memberships import memberships_given, memberships_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

_MAX_SHAPES = 64
_PLACEHOLDER = re.compile(r"%s|%%")
_Row = TypeVar("_Row", bound=tuple[Any, ...])


def fetch_rows(statement: str, values: Sequence[Any], *, binary: bool = False) -> list[Any]:
    """Run a prepared statement, its values sent beside it; errors are Django's.

    Parameters
    ----------
    statement
        with ``$1``, ``$2``
    values
        in that order
    binary
        whether rows come in the database's own format: bytes as they are, instead of twice as many
    """
    try:
        return _fetch(statement, values, binary=binary)
    except (OperationalError, InterfaceError):
        # The database was restarted since this thread's last question: asked anew, once.
        if connection.in_atomic_block or not _is_lost():
            raise
        connection.close()
        return _fetch(statement, values, binary=binary)


def _fetch(statement: str, values: Sequence[Any], *, binary: bool) -> list[Any]:
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    wire: Any = connection.connection
    if wire.prepare_threshold is None:
        # Django never prepares; its own cursors stay as they are.
        wire.prepare_threshold = 0
    with connection.wrap_database_errors, psycopg.RawCursor(wire) as cursor:
        return cursor.execute(statement, values, prepare=True, binary=binary).fetchall()


def _is_lost() -> bool:
    wire: Any = connection.connection
    return wire is None or wire.closed


class Slot(str):
    """The place of a value that differs from question to question; a text that nobody sends."""

    __slots__ = ()

    def __new__(cls, name: str) -> Slot:
        return super().__new__(cls, f"\x01{name}\x01")


class Reading(Generic[_Row]):
    """A queryset of rows inside an asker's rights, with places for the values asked for.

    Parameters
    ----------
    make
        builds the queryset (``values_list``) for an asker, with a `Slot` where a value goes
    names
        of the slots
    """

    def __init__(self, make: Callable[[AnyUser], QuerySet[Any, Any]], names: Sequence[str]) -> None:
        self._make = make
        self._marks: dict[str, str] = {Slot(name): name for name in names}
        self._written: OrderedDict[Hashable, tuple[str, list[Any]]] = OrderedDict()
        self._lock = Lock()

    def rows(self, user: AnyUser, given: Mapping[str, Any], *, binary: bool = False) -> list[_Row]:
        """Return the rows.

        Parameters
        ----------
        user
            the asker
        given
            a value for each slot
        binary
            as for `fetch_rows`
        """
        try:
            statement, places = self._for(user)
        except EmptyResultSet:
            # Django writes no statement for who may see nothing.
            return []
        values = [given[value.name] if isinstance(value, _Place) else value for value in places]
        return fetch_rows(statement, values, binary=binary)

    def _for(self, user: AnyUser) -> tuple[str, list[Any]]:
        shape = memberships_of(user)
        with self._lock:
            written = self._written.get(shape)
            if written is not None:
                self._written.move_to_end(shape)
                return written
        # Of just these memberships, even if they change between: others share the statement.
        with memberships_given(user, shape):
            written = self._write(user)
        with self._lock:
            self._written[shape] = written
            while len(self._written) > _MAX_SHAPES:
                self._written.popitem(last=False)
        return written

    def _write(self, user: AnyUser) -> tuple[str, list[Any]]:
        text, parameters = self._make(user).query.sql_with_params()
        numbers: dict[str, int] = {}
        values: list[Any] = []

        def place(found: re.Match[str]) -> str:
            if found[0] == "%%":
                return "%"
            value = next(rest)
            name = self._marks.get(value) if isinstance(value, str) else None
            if name is None:
                values.append(value)
                return f"${len(values)}"
            if name not in numbers:
                values.append(_Place(name))
                numbers[name] = len(values)
            return f"${numbers[name]}"

        rest = iter(parameters)
        return _PLACEHOLDER.sub(place, text), values


class _Place:
    def __init__(self, name: str) -> None:
        self.name = name

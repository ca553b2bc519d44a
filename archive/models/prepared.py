"""Querysets that Django writes once, filled in with other values each time they are asked.

Building a statement takes Django several times as long as the database takes to answer it, and the
text follows from the question's shape and from what the asker holds alone. A prepared question is
built with stand-ins, which are then found among its parameters; what differs in a way that
changes the text (a flag, None, another number of keys) is built apart.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet, prefetch_related_objects

from archive.models.memberships import Visitor, memberships_of
from archive.models.server_cursor import is_pooled, server_cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archive.models.memberships import Held
    from archive.models.querysets import AnyUser

_MAX_KEPT = 2000
_LISTS = (list, tuple, set, frozenset)
# No key of ours is negative; within what a column of four bytes takes.
_FIRST_KEY = -2_000_000_000
_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


class Holder(Visitor):
    """Stands for everybody who holds the same: a question can ask for rights and nothing else."""

    def __init__(self, held: tuple[Held, ...]) -> None:
        super().__init__(0, ())
        self.held: tuple[Held, ...] = held  # type: ignore[assignment]  # any number

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]  # it must not be asked
        """Refuse: who asks is a value of the question, and not a part of what it is kept under."""
        raise TypeError("A prepared question asks for what is held, not for who holds it.")

    # So are all these: nobody's answer would be kept as everybody's.
    pk = id = username = is_active = is_staff = is_superuser = is_authenticated  # type: ignore[assignment]


class _Gap(NamedTuple):
    """Where a value goes: which one, where in it if it is a list, as what kind of number."""

    place: int
    name: str
    at: int | None
    kind: type[int] | None


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement, where its values go, and how its rows are read."""

    rows: QuerySet[Any, Any]
    compiler: Any = None
    sql: str = ""
    params: tuple[Any, ...] = ()
    gaps: tuple[_Gap, ...] = ()


class Prepared:
    """A question that is asked over and over.

    Parameters
    ----------
    build
        returns the queryset for somebody (None where nobody's rights matter) and values by name.
        It reads nothing but these; of the asker it may use what they hold, by `visible_to`. Texts,
        keys and moments go into the statement as they are, without change by a lookup.
    is_exact
        its plan does not depend on its values: it may be prepared and its plan kept
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], *, is_exact: bool = False) -> None:
        self._build, self._is_exact = build, is_exact
        self._kept: dict[tuple[Any, ...], _Written] = {}

    def __call__(self, user: AnyUser | None, **values: Any) -> list[Any]:
        """Return the rows for these values.

        Parameters
        ----------
        user
            the asker, where rights matter
        values
            what the question is built with; lists in any order
        """
        held = memberships_of(user) if user is not None else None
        values = {name: _settled(value) for name, value in values.items()}
        key = (held, tuple((name, _shape(value)) for name, value in values.items()))
        written = self._kept.get(key)
        if written is None:
            written = self._written(held, values)
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[key] = written
        if written.compiler is None:
            return []
        params = list(written.params)
        for place, name, index, kind in written.gaps:
            value = values[name] if index is None else values[name][index]
            params[place] = value if kind is None else kind(value)
        return self._asked(written, params)

    def first(self, user: AnyUser | None, **values: Any) -> Any:
        """Return the first row, or None; the question bounds itself."""
        return next(iter(self(user, **values)), None)

    def _written(self, held: tuple[Held, ...] | None, values: dict[str, Any]) -> _Written:
        stand_ins = {
            name: _stand_in(value, number) for number, (name, value) in enumerate(values.items())
        }
        rows = self._build(None if held is None else Holder(held), **stand_ins)
        compiler: Any = rows.query.get_compiler(connection=connection)
        try:
            sql, params = compiler.as_sql()
        except EmptyResultSet:
            return _Written(rows)
        gaps = _gaps(params, stand_ins)
        if {gap.name for gap in gaps} != {
            name for name in stand_ins if _is_filled(stand_ins[name])
        }:
            raise ValueError(f"A value of {self._build.__qualname__} is not in its statement.")
        compiler.connection = connection  # whichever thread's, not that of this one
        # What reads the rows is worked out once as well.
        converters = compiler.get_converters([one[0] for one in compiler.select])
        compiler.get_converters = lambda _expressions: converters
        return _Written(rows, compiler, sql, tuple(params), gaps)

    def _asked(self, written: _Written, params: Sequence[Any]) -> list[Any]:
        found = _fetched(written.sql, params, is_exact=self._is_exact)
        compiler = copy.copy(written.compiler)
        if compiler.has_extra_select:
            found = [row[: compiler.col_count] for row in found]
        compiler.execute_sql = lambda *_args, **_kwargs: [found]
        rows: Any = written.rows
        read = list(rows._iterable_class(_Reading(rows, compiler)))  # noqa: SLF001 as a queryset does
        if rows._prefetch_related_lookups:  # noqa: SLF001 as above
            prefetch_related_objects(read, *rows._prefetch_related_lookups)  # noqa: SLF001
        return read


def _gaps(params: Sequence[Any], stand_ins: dict[str, Any]) -> tuple[_Gap, ...]:
    """Find the stand-ins among the parameters; Django says of numbers how wide they are."""
    wanted: dict[Any, tuple[str, int | None]] = {}
    for name, value in stand_ins.items():
        if isinstance(value, tuple):
            wanted |= {one: (name, index) for index, one in enumerate(value)}
        elif _is_filled(value):
            wanted[value] = (name, None)
    found = []
    for place, param in enumerate(params):
        if isinstance(param, str | int | datetime) and param in wanted:
            kind = type(param) if isinstance(param, int) and type(param) is not int else None
            found.append(_Gap(place, *wanted[param], kind))
    return tuple(found)


def _fetched(sql: str, params: Sequence[Any], *, is_exact: bool) -> list[Any]:
    is_kept = is_exact and not is_pooled()
    with server_cursor(is_prepared=True) if is_kept else connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


class _Reading:
    """A queryset, and the query in it, of which the answer is there."""

    def __init__(self, rows: Any, compiler: Any) -> None:
        self._rows, self._compiler = rows, compiler
        self.query = _Answered(rows.query, compiler)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)


class _Answered:
    def __init__(self, query: Any, compiler: Any) -> None:
        self._query, self._compiler = query, compiler

    def get_compiler(self, *_args: Any, **_kwargs: Any) -> Any:
        """Return the compiler that has the answer."""
        return self._compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._query, name)


def _is_filled(value: Any) -> bool:
    """Whether the statement's text is the same for every such value."""
    if isinstance(value, tuple):
        return bool(value) and all(type(one) in {str, int} for one in value)
    return type(value) in {str, int, datetime}


def _settled(value: Any) -> Any:
    """Return a list as a tuple of a length that few have: the last value is said again."""
    if not isinstance(value, _LISTS):
        return value
    values = tuple(dict.fromkeys(value))
    length = 1 << (len(values) - 1).bit_length() if values else 0
    return values + values[-1:] * (length - len(values))


def _shape(value: Any) -> Any:
    if not _is_filled(value):
        return value
    return (type(value[0]), len(value)) if isinstance(value, tuple) else type(value)


def _stand_in(value: Any, number: int) -> Any:
    if not _is_filled(value):
        return value
    if isinstance(value, tuple):
        return tuple(_one_stand_in(one, number, place) for place, one in enumerate(value, 1))
    return _one_stand_in(value, number, 0)


def _one_stand_in(value: Any, number: int, place: int) -> Any:
    if isinstance(value, str):
        return f"\x02{number}.{place}\x03"
    if isinstance(value, datetime):
        return _LONG_AGO + timedelta(minutes=number)
    return _FIRST_KEY - number * 100_000 - place

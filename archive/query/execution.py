"""Statements to PostgreSQL and rows back; what has one plan for all values is planned once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from django.db import connection

from archive.query.names import WORD_SIMILARITY

if TYPE_CHECKING:
    from collections.abc import Iterator

_STREAMED_ROWS = 500


class _ServerCursor(psycopg.Cursor[Any]):
    """A cursor whose parameters travel apart from the statement, which may be kept prepared."""

    is_prepared = False

    def execute(self, query: Any, params: Any = None, **options: Any) -> _ServerCursor:
        """Run the statement; Django's wrapper around this cursor passes no more than these."""
        if not self.is_prepared:
            super().execute(query, params, prepare=False, **options)
            return self
        # Django keeps psycopg from preparing what Django writes; this one is ours.
        self.connection.prepare_threshold = 0
        try:
            super().execute(query, params, prepare=True, **options)
        finally:
            self.connection.prepare_threshold = None
        return self


def _is_pooled() -> bool:
    """Whether something between us and the database hands out sessions by transaction.

    It knows neither prepared statements nor cursors of ours; this is Django's own switch for it.
    """
    return bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))


def fetch_all(sql: str, params: tuple[Any, ...], *, is_exact: bool = False) -> list[Any]:
    """Return all rows of a statement.

    Parameters
    ----------
    sql, params
        the statement
    is_exact
        its plan does not depend on its values: it may be prepared and its plan kept
    """
    connection.ensure_connection()
    raw = _ServerCursor(connection.connection)
    raw.is_prepared = is_exact and not _is_pooled()
    make: Any = (
        connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    )
    with make(raw) as cursor:
        cursor.execute(sql, params)
        rows: list[Any] = cursor.fetchall()
    return rows


def stream(sql: str, params: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a statement as they are read, some at a time.

    Parameters
    ----------
    sql, params
        the statement
    """
    with connection.cursor() if _is_pooled() else connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while rows := cursor.fetchmany(_STREAMED_ROWS):
            yield from rows


def prepare_fuzzy_search() -> bool:
    """Set the session up for words that are alike; say whether the database can tell."""
    if not _has_trigrams(str(settings.DATABASES["default"]["NAME"])):
        return False
    fetch_all(
        "SELECT set_config('pg_trgm.word_similarity_threshold', %s, false)",
        (str(WORD_SIMILARITY),),
        is_exact=True,
    )
    return True


@lru_cache(maxsize=4)
def _has_trigrams(database: str) -> bool:
    return bool(fetch_all("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'", ()))

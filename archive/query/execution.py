"""Statements to PostgreSQL and rows back; what has one plan for all values is planned once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from archive.models.server_cursor import is_pooled, server_cursor
from archive.query.names import WORD_SIMILARITY

if TYPE_CHECKING:
    from collections.abc import Iterator

_STREAMED_ROWS = 500


def fetch_all(sql: str, params: tuple[Any, ...], *, is_exact: bool = False) -> list[Any]:
    """Return all rows of a statement.

    Parameters
    ----------
    sql, params
        the statement
    is_exact
        its plan does not depend on its values: it may be prepared and its plan kept
    """
    with server_cursor(is_prepared=is_exact) as cursor:
        cursor.execute(sql, params)
        rows: list[Any] = cursor.fetchall()
    return rows


def stream(
    sql: str, params: tuple[Any, ...], *, is_exact: bool = False
) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a statement as they are read, some at a time.

    Parameters
    ----------
    sql, params
        the statement, without a limit
    is_exact
        as for `fetch_all`
    """
    # Nearly always that is all, for one round trip where a cursor takes four.
    few = fetch_all(f"{sql} LIMIT {_STREAMED_ROWS + 1}", params, is_exact=is_exact)
    if len(few) <= _STREAMED_ROWS:
        yield from few
        return
    del few
    with connection.cursor() if is_pooled() else connection.chunked_cursor() as cursor:
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

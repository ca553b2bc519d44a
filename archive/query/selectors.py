"""The one query engine: matching keys in, return keys out, inside the asker's rights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archive.query.attributes import ATTRIBUTES, is_supported
from archive.query.execution import fetch_all, prepare_fuzzy_search, stream
from archive.query.statements import Statement, returned_attributes, statement_of
from archive.query.stored_fields import is_private_creator, stored_fields
from archive.query.types import Kind, Level, Match, Page, Query, match_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.models.querysets import AnyUser

# What one call gives at most; the rest is asked for with an offset.
MAX_RESULTS = {
    Level.PATIENT: 1000,
    Level.STUDY: 1000,
    Level.SERIES: 5000,
    Level.INSTANCE: 20_000,
}
# The same where attributes are asked for that only the objects know: each is read.
MAX_READ = 1000
# Further answers are counted up to here: a hint for paging is not worth a walk over all rows.
MAX_COUNTED = 500


def matches(*, user: AnyUser, query: Query) -> Page:
    """Answer a query from indexed columns alone, in one statement and a count where more is left.

    Parameters
    ----------
    user
        the asker; nothing outside their rights is counted or returned
    query
        what is asked

    Returns
    -------
    at most `MAX_RESULTS` answers in a stable order, newest studies first

    Raises
    ------
    InvalidRequestError
        A key's value is malformed.
    LimitExceededError
        A key has too many values.
    """
    asked = _as_possible(query)
    attributes = returned_attributes(asked)
    statement = statement_of(user, asked, attributes)
    largest = MAX_RESULTS[query.level]
    fields = stored_fields(query) if query.level is not Level.PATIENT else None
    if fields is not None:
        statement = statement.with_representatives(query.level)
        largest = min(largest, MAX_READ)
    size = largest if query.limit is None else min(query.limit, largest)
    rows = fetch_all(
        statement.page(query.offset, size + 1), statement.params, is_exact=statement.is_exact
    )
    remaining, total = _counts(statement, query, len(rows), size)
    representatives: tuple[tuple[int, str] | None, ...] = ()
    if fields is not None:
        representatives = tuple(_representative(row[-1]) for row in rows[:size])
        rows = [row[:-1] for row in rows]
    return Page(
        level=query.level,
        attributes=attributes,
        rows=tuple(rows[:size]),
        remaining=min(remaining, MAX_COUNTED) if total is None else remaining,
        is_remaining_exact=total is not None or remaining <= MAX_COUNTED,
        total=total,
        unsupported=tuple(
            key.keyword
            for key in query.keys
            if not is_supported(key.keyword, query.level) and not is_private_creator(key.keyword)
        ),
        is_fuzzy_refused=query.is_fuzzy and not asked.is_fuzzy,
        stored=fields,
        representatives=representatives,
    )


def _representative(text: str | None) -> tuple[int, str] | None:
    key, _, uid = (text or "").partition("/")
    return (int(key), uid) if key else None


def _counts(statement: Statement, query: Query, found: int, size: int) -> tuple[int, int | None]:
    """Return how many answers are left behind the page, and in all where that is known."""
    if found <= size and (found or not query.offset) and size:
        return 0, query.offset + found
    if query.is_total_wanted or (not found and query.offset):
        total = _count(statement, 0, None)
        return max(total - query.offset - min(found, size), 0), total
    start = query.offset + size
    remaining = _count(statement, start, MAX_COUNTED + 1)
    return remaining, start + remaining if remaining <= MAX_COUNTED else None


def _count(statement: Statement, offset: int, limit: int | None) -> int:
    ((number,),) = fetch_all(statement.counted(offset, limit), statement.params)
    return int(number)


def stream_matches(*, user: AnyUser, query: Query) -> Iterator[Match]:
    """Answer a query without a limit, row by row, in constant memory.

    Parameters
    ----------
    user
        the asker; nothing outside their rights is returned
    query
        what is asked; limit and offset are not looked at

    Raises
    ------
    InvalidRequestError
        A key's value is malformed.
    LimitExceededError
        A key has too many values.
    """
    asked = _as_possible(query)
    attributes = returned_attributes(asked)
    statement = statement_of(user, asked, attributes)
    for row in stream(statement.everything(), statement.params, is_exact=statement.is_exact):
        yield match_of(row, attributes)


def count_matches(*, user: AnyUser, query: Query) -> int:
    """Return how many rows of the query's level match, inside the user's rights.

    Parameters
    ----------
    user
        the asker
    query
        what is asked; limit and offset are not looked at

    Raises
    ------
    InvalidRequestError
        A key's value is malformed.
    LimitExceededError
        A key has too many values.
    """
    return _count(statement_of(user, _as_possible(query), ()), 0, None)


def _as_possible(query: Query) -> Query:
    """Leave fuzzy matching away where it makes no difference, or the database can't do it."""
    if not query.is_fuzzy or not _has_names(query):
        return query
    return query if prepare_fuzzy_search() else replace(query, is_fuzzy=False)


def _has_names(query: Query) -> bool:
    attributes = (ATTRIBUTES.get(key.keyword) for key in query.keys if any(key.values))
    return any(attribute and attribute.kind is Kind.NAME for attribute in attributes)

"""Statements whose parameters travel apart from them; what has one plan is planned once."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
from django.db import connection


class _Said(NamedTuple):
    """What Django's log of statements reads of a cursor: psycopg tells it of others only."""

    query: bytes


class ServerCursor(psycopg.Cursor[Any]):
    """A cursor whose parameters travel apart from the statement, which may be kept prepared."""

    is_prepared = False

    def execute(self, query: Any, params: Any = None, **options: Any) -> ServerCursor:
        """Run the statement; Django's wrapper around this cursor passes no more than these."""
        if self.is_prepared:
            # Django keeps psycopg from preparing what Django writes; this one is ours.
            self.connection.prepare_threshold = 0
            try:
                super().execute(query, params, prepare=True, **options)
            finally:
                self.connection.prepare_threshold = None
        else:
            super().execute(query, params, prepare=False, **options)
        if connection.queries_logged:
            self._query = _Said(str(query).encode())  # type: ignore[assignment]
        return self


def server_cursor(*, is_prepared: bool) -> Any:
    """Return such a cursor as Django makes its own: of a connection that lives, errors Django's.

    Parameters
    ----------
    is_prepared
        whether the statement may be prepared and its plan kept
    """
    # One that ended since the last request is opened anew, as `connection.cursor` does it.
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    raw = ServerCursor(connection.connection)
    raw.is_prepared = is_prepared and not is_pooled()
    make: Any = (
        connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    )
    return make(raw)


def is_pooled() -> bool:
    """Whether something between us and the database hands out sessions by transaction.

    It knows neither prepared statements nor cursors of ours; this is Django's own switch for it.
    """
    return bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))

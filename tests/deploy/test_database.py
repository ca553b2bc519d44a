"""A connection that the server ended is noticed without asking; a good one costs no statement."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)


def test_good_connection_is_usable_without_a_statement() -> None:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT query_id, query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        before = connection.connection.info.backend_pid

    assert connection.is_usable()
    assert connection.connection.info.backend_pid == before


def test_connection_that_the_server_ended_is_not_usable() -> None:
    connection.ensure_connection()
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    with psycopg.connect(**parameters) as other:
        other.execute(
            "SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid]
        )

    assert not connection.is_usable()
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")

"""Work that only one in the whole archive does at a time: by advisory locks of the database."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterator


def take_turn(kind: int, key: str = "") -> None:
    """Wait until nobody else has the turn, and have it until the end of the open transaction.

    Parameters
    ----------
    kind
        number of what is done, another one for each
    key
        of what it is done to; "" where only one is done at all
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [key, kind])


@contextmanager
def turn_if_free(kind: int, key: str = "") -> Iterator[bool]:
    """Say whether the turn is ours: it is where nobody else has it, until the end of the block.

    Nothing is waited for, and no transaction is needed. Who has the turn already gets it again.

    Parameters
    ----------
    kind, key
        as for `take_turn`
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, %s))", [key, kind])
        is_ours = bool(cursor.fetchone()[0])
        try:
            yield is_ours
        finally:
            # A connection that was lost took its locks with it.
            if is_ours and connection.is_usable():
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, %s))", [key, kind])

"""Who takes bytes away, and who is about to need them, one after the other."""

from __future__ import annotations

from django.db import connection


def lock_bytes(sha256: str) -> None:
    """Hold the bytes of a digest until the end of the transaction that is open.

    Parameters
    ----------
    sha256
        of a blob, with a row or without
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [sha256])

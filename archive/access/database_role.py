"""A database role for the web's processes: reads and writes rows, changes nothing else.

It owns no table, so no trigger can be switched off by it; of the audit trail it may read and add.
Migrations and workers, which build indexes, go on as the owner.
"""

from __future__ import annotations

import re

from django.db import connection, transaction

from archive.errors import InvalidRequestError

_APPEND_ONLY = ("archive_auditevent", "archive_auditseal")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def restrict_role(name: str) -> None:
    """Give an existing database role the least that the application needs.

    Parameters
    ----------
    name
        of the role; it must be there, since making roles is the site's matter

    Raises
    ------
    InvalidRequestError
        This can be no role's name, or there is no such role, or it owns the tables.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequestError("A role's name has small letters, digits and underscores.")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [name])
        found = cursor.fetchone()
        if found is None:
            raise InvalidRequestError(f"There is no database role {name!r}.")
        cursor.execute("SELECT current_user")
        if found[0] or cursor.fetchone()[0] == name:
            raise InvalidRequestError("This role owns the tables or is a superuser.")
        for statement in _statements(name):
            cursor.execute(statement)


def _statements(name: str) -> list[str]:
    tables = "ALL TABLES IN SCHEMA public"
    granted = [
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {name}",
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public"
            f" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name}"
        ),
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {name}",
        f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {name}",
    ]
    taken = [
        f"REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES ON {table} FROM {name}"
        for table in _APPEND_ONLY
    ]
    return [*granted, *taken]

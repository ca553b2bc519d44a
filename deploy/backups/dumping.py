"""The database out of PostgreSQL and into it again, by PostgreSQL's own programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connection, transaction

from deploy.backups.errors import BackupError
from deploy.supervisor.errors import ServiceStartError
from deploy.supervisor.postgres import find_binaries

if TYPE_CHECKING:
    from collections.abc import Iterator

# How libpq's programs are told what a connection of ours is made of: never by their arguments,
# which everybody on the machine can read.
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "options": "PGOPTIONS",
}
_FIRST_WITH_TIMEOUT = 17
# Owners and rights are the target's own: `restrict_database` gives the latter.
_BARE = ("--no-owner", "--no-privileges")


@contextmanager
def held_snapshot() -> Iterator[str]:
    """Read the database as it is now, however long it takes; yields the snapshot's name."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        (name,) = cursor.fetchone()
        yield name


def dump(snapshot: str, file: Path) -> None:
    """Write a held snapshot's rows and schema to a file.

    Raises
    ------
    BackupError
        pg_dump is missing, or failed.
    """
    arguments = ("--format=custom", f"--snapshot={snapshot}", f"--file={file}", *_BARE)
    # COPY waits for no statement: the web's limit is not meant for it.
    run_program("pg_dump", *arguments)


def load(file: Path) -> None:
    """Fill an empty database from such a file: all of it, or nothing.

    Raises
    ------
    BackupError
        pg_restore is missing, too new for the server, or failed.
    """
    _refuse_newer_program()
    database = connection.get_connection_params()["dbname"]
    # Comments are of extensions, which may belong to somebody else.
    switches = ("--single-transaction", "--no-comments", *_BARE)
    run_program("pg_restore", *switches, f"--dbname={database}", str(file))


def _refuse_newer_program() -> None:
    """Refuse a program that sets what the server does not know (``transaction_timeout`` of 17)."""
    server = server_release()
    said = subprocess.run(  # noqa: S603 PostgreSQL's own program
        [str(_find("pg_restore")), "--version"],
        env=_environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found = re.search(r"\d+", said)
    if found is not None and server < _FIRST_WITH_TIMEOUT <= int(found[0]):
        message = (
            f"pg_restore {found[0]} can't fill a server of release {server}: set PGBIN to the"
            f" folder of the programs of {server}."
        )
        raise BackupError(message)


def server_release() -> int:
    """Return PostgreSQL's release, such as 17."""
    major: int = connection.get_database_version()[0]
    return major


def is_empty() -> bool:
    """Whether the database has no table yet."""
    return not connection.introspection.table_names()


def run_program(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the database of the settings.

    Raises
    ------
    BackupError
        It is missing, or failed, with what it said.
    """
    done = subprocess.run(  # noqa: S603 PostgreSQL's own program
        [str(_find(program)), *arguments],
        env=_environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[:600]
        hint = " Set PGBIN to the folder of newer programs." if "version mismatch" in said else ""
        message = f"{program} failed: {said}{hint}"
        raise BackupError(message)


def _find(program: str) -> Path:
    # Also a folder of clients alone, which no server could be started from.
    named = Path(os.environ.get("PGBIN", "")) / program
    if os.environ.get("PGBIN") and named.is_file():
        return named
    try:
        found = find_binaries() / program
        if found.is_file():
            return found
    except ServiceStartError:
        pass
    elsewhere = shutil.which(program)
    if elsewhere is None:
        message = f"{program} was not found: install PostgreSQL's client programs, or set PGBIN."
        raise BackupError(message)
    return Path(elsewhere)


def _environ() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    params = connection.get_connection_params()
    told = {
        variable: str(params[name]) for name, variable in _VARIABLES.items() if params.get(name)
    }
    return {**kept, **told, "LC_ALL": "C.UTF-8"}

"""Migrations that were killed before they were on record are run again, and end well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[3]
NAME = "t64_broken_off"
SCRIPT = """
import django
django.setup()
from django.db import connection
from django.db.migrations import executor

class Dying(executor.MigrationExecutor):
    '''Does everything of a migration that has no transaction, and dies before it is on record.'''

    def apply_migration(self, state, migration, fake=False, fake_initial=False):
        if not migration.atomic:
            print(migration)
            with connection.schema_editor(atomic=False) as editor:
                migration.apply(state.clone(), editor)
        return super().apply_migration(state, migration, fake, fake_initial)

runner = Dying(connection)
runner.migrate(runner.loader.graph.leaf_nodes())
with connection.cursor() as cursor:
    cursor.execute("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
    assert cursor.fetchall() == []
"""


def test_t64_migration_crash() -> None:
    params = connection.get_connection_params()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {NAME}")
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": f"postgres://{params['user']}@/{NAME}?host={params['host']}",
                "REDIS_URL": settings.REDIS_URL,
                "DJANGO_SETTINGS_MODULE": "deploy.settings.development",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {NAME} WITH (FORCE)")

    assert done.returncode == 0, done.stderr
    assert "archive.0030_changes_filled" in done.stdout.splitlines()


@pytest.mark.parametrize("name", ["AddIndexConcurrently", "RemoveIndexConcurrently"])
def test_no_migration_leaves_what_it_stumbles_over(name: str) -> None:
    folders = [ROOT / app / "migrations" for app in ("archive", "inference")]
    users = {
        path.name
        for folder in folders
        for path in folder.glob("*.py")
        if name in path.read_text(encoding="utf-8")
    }
    assert users <= {"_concurrently.py"}, "archive.migrations._concurrently is for that"

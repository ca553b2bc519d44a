import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.supervisor.attach import needs_services, services_for_command
from deploy.supervisor.services import embedded_services
from tests.deploy.supervisor.watching import files_in_run, processes_of
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
VARIABLES = ("DATABASE_URL", "REDIS_URL", "DATABASE_URL_FILE", "REDIS_URL_FILE")
ASK = """
from django.db import connection
cursor = connection.cursor()
cursor.execute('SELECT 40 + 2')
print(cursor.fetchone()[0])
"""


@pytest.fixture
def environ(home):
    kept = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    return {**kept, "TWINSIGHT_HOME": str(home.root)}


def manage(environ, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["manage.py"], False),
        (["manage.py", "help"], False),
        (["manage.py", "up"], False),
        (["manage.py", "migrate", "--help"], False),
        (["manage.py", "migrate"], True),
        (["manage.py", "import_dicom", "folder"], True),
    ],
)
def test_which_commands_need_services(argv, expected):
    assert needs_services(argv) is expected


def test_external_services_are_left_to_themselves(home, monkeypatch):
    monkeypatch.setenv("TWINSIGHT_HOME", str(home.root))
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/db")
    monkeypatch.setenv("REDIS_URL_FILE", "/run/secrets/redis")
    with services_for_command(["manage.py", "migrate"]):
        assert processes_of(home) == []
        assert os.environ["DATABASE_URL"] == "postgresql://elsewhere/db"


def test_command_starts_services_for_its_own_time(home, environ):
    done = manage(environ, "shell", "--no-imports", "-c", ASK)
    assert done.stdout.strip().splitlines()[-1:] == ["42"], done.stderr
    assert done.returncode == 0
    assert processes_of(home) == []
    assert files_in_run(home) == []


def test_command_attaches_to_what_runs(home, environ):
    with embedded_services(home, fast=True):
        before = processes_of(home)
        done = manage(environ, "shell", "--no-imports", "-c", ASK)
        assert done.stdout.strip().splitlines()[-1:] == ["42"], done.stderr
        assert processes_of(home) == before


def test_failing_command_leaves_nothing(home, environ):
    done = manage(environ, "migrate", "no_such_app")
    assert done.returncode != 0
    assert processes_of(home) == []
    assert files_in_run(home) == []


@pytest.mark.parametrize("command", ["migrate", "up"])
def test_home_that_cannot_be_used_is_one_sentence(environ, tmp_path, command):
    (tmp_path / "file").write_text("")
    done = manage({**environ, "TWINSIGHT_HOME": str(tmp_path / "file")}, command)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "TWINSIGHT_HOME" in done.stderr


def test_host_stays_until_the_command_that_attached_has_ended(home, environ):
    code = ASK.replace("SELECT 40 + 2", "SELECT 40 + 2 FROM pg_sleep({seconds})")
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c"]
    host = subprocess.Popen(
        [*command, code.format(seconds=3)], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True
    )
    wait_until(home.endpoints_file.exists, seconds=60)
    guest = manage(environ, "shell", "--no-imports", "-c", code.format(seconds=5))
    assert guest.stdout.strip().splitlines()[-1:] == ["42"], guest.stderr
    _, complaints = host.communicate(timeout=60)
    assert "until the other commands end" in complaints
    assert host.returncode == 0
    assert processes_of(home) == []
    assert files_in_run(home) == []

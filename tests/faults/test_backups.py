"""A backup under load, everything destroyed, and all that was acknowledged before is back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from bench.processes import free_port, running, wait_for
from bench.servers import ROOT, twinsight
from tests.faults.storing import Senders, await_all, instances

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


OUTSIDE = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}


def environ_of(home: str | Path, http_port: int = 0, dicom_port: int = 0) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    ports = {"TWINSIGHT_HTTP_PORT": str(http_port), "TWINSIGHT_DICOM_PORT": str(dicom_port)}
    return {**environ, "TWINSIGHT_HOME": str(home), **ports}


def manage(home: str | Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environ_of(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_t63_backup_restore(tmp_path: Path) -> None:
    images = instances(f"t63-{time.time_ns()}", 200)
    backups = str(tmp_path / "backups")
    with twinsight(with_ai=False) as target:
        home = psutil.Process(target.pids[0]).environ()["TWINSIGHT_HOME"]
        senders = Senders(target)
        threads = senders.start([[one] for one in images], connections=3)
        while len(senders.acknowledged) < 50:
            time.sleep(0.05)
        before = dict(senders.acknowledged)
        manage(home, "backup", backups, "--no-progress")
        await_all(threads)
        assert len(senders.acknowledged) == 200

    # All of it is destroyed: a new home, and the tokens of before.
    said = manage(tmp_path / "home", "restore", backups, "--no-progress")
    assert re.search(r"(\d+) files: \1 good, 0 missing, 0 damaged, 0 without a row", said)
    assert re.search(r"is back after \d+:\d\d:\d\d", said)

    ports = free_port(), free_port()
    url, log = f"http://127.0.0.1:{ports[0]}", tmp_path / "log"
    environ = environ_of(tmp_path / "home", *ports)
    with running([sys.executable, "manage.py", "up", "--no-worker"], environ, log, ROOT) as started:
        again = replace(target, url=url, pids=(started.pid,))
        wait_for(again, "/readyz", started, log)
        Senders(again, acknowledged=before).assert_all_there()

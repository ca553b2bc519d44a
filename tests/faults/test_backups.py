"""A backup under load, everything destroyed, and all that was acknowledged before is back."""

from __future__ import annotations

import hashlib
import json
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


def manage(home: str | Path, *words: str, returncode: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environ_of(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == returncode, done.stdout + done.stderr
    return done.stdout + done.stderr


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


FILL = """
from django.conf import settings
from django.contrib.auth import get_user_model
from archive.inbox import spool
from archive.models import Blob, UploadBatch
from archive.storage.stores import blob_store
from inference.models import ModelVersion, TrainingRun
for content in (b"a scan", b"purged"):
    with blob_store().spool() as file:
        file.write(content)
        blob_store().keep([file])
        Blob.objects.create(sha256=file.sha256, size_bytes=file.size)
models = settings.TWINSIGHT_MODELS_DIR
for name in ("good", "bad"):
    (models / name).mkdir(parents=True)
    (models / name / "weights").write_text(name)
ModelVersion.objects.create(
    name="good", version="1", task="classify", digest="d", bundle_path=str(models / "good"))
ModelVersion.objects.create(
    name="elsewhere", version="1", task="classify", digest="e", bundle_path="/opt/elsewhere")
TrainingRun.objects.create(name="t", folder=str(models / "trainings" / "1"))
user = get_user_model().objects.create_user("sender")
for here in (True, False):
    batch = UploadBatch.objects.create(user=user, state="ready")
    row = batch.files.create(
        name="x.dcm", size_bytes=4, received_bytes=4 if not here else 0, state="received",
        spool_name=spool.new_name())
    spool.place(row.spool_name).write_bytes(b"DICM")
"""
TELL = """
import json
from archive.models import UploadBatch
from inference.models import ModelVersion, TrainingRun
print("told " + json.dumps({
    "models": dict(ModelVersion.objects.values_list("name", "bundle_path")),
    "training": TrainingRun.objects.get().folder,
    "uploads": list(UploadBatch.objects.order_by("pk").values_list("state", flat=True)),
}))
"""


def test_what_comes_back_elsewhere_is_in_line_with_its_new_place(tmp_path: Path) -> None:
    old, new, backups = tmp_path / "old", tmp_path / "new", tmp_path / "backups"
    manage(old, "migrate", "--no-input", "--verbosity=0")
    manage(old, "shell", "-c", FILL)
    manage(old, "backup", str(backups), "--no-progress")
    blobs = backups / "blobs" / "sha256"
    bad, purged = (hashlib.sha256(text).hexdigest() for text in (b"bad", b"purged"))
    (blobs / bad[:2] / bad).write_bytes(b"dab")
    (blobs / purged[:2] / purged).unlink()
    (manifest,) = backups.glob("*/manifest.json")
    told = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**told, "purged": [purged]}), encoding="utf-8")

    said = manage(new, "restore", str(backups), "--no-progress", returncode=1)

    assert "is back after" in said
    assert "1 files were purged while the backup was made" in said
    assert "1 unfinished uploads were given up" in said
    assert "model file bad/weights" in said
    assert "0 files were lost when the backup was made, 1 files of models since" in said
    answer = json.loads(manage(new, "shell", "-c", TELL).split("told ", 1)[1])
    assert answer["models"]["good"] == str(new / "models" / "good")
    assert answer["models"]["elsewhere"] == "/opt/elsewhere"
    assert answer["training"] == str(new / "models" / "trainings" / "1")
    assert answer["uploads"] == ["ready", "cancelled"]
    assert (new / "models" / "good" / "weights").read_text(encoding="utf-8") == "good"

    # Once more, all being mended, as if it had ended behind the database; then as ever.
    (blobs / bad[:2] / bad).write_bytes(b"bad")
    assert "This archive is not empty" in manage(new, "restore", str(backups), returncode=1)
    (new / "restoring").write_text(manifest.parent.name, encoding="utf-8")
    assert "is back after" in manage(new, "restore", str(backups), "--no-progress")
    assert not (new / "restoring").exists()
    assert (new / "models" / "bad" / "weights").read_text(encoding="utf-8") == "bad"

"""No log, queue, cache or leftover file knows a patient (T85), whatever came in."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
from pathlib import Path

import pytest
import redis
from django.db import DatabaseError, connection, transaction
from django.test import Client

from archive.errors import ArchiveError
from archive.storage.stores import blob_store
from deploy.logs import JsonFormatter
from tests.builders.bad_input import bad_files, good_file, make_zip
from tests.builders.multipart import DICOM_MULTIPART, related

pytestmark = pytest.mark.django_db

# In files as long as what the builders write, so that no length changes.
NAME, PATIENT_ID = "Zqxv^Wjkb", "ZQX-77"
WORDS = ("Zqxv", "Wjk", "zqxv", "ZQX-77", "zqx-77")
OTHER = "Zqxv^Other"


def marked(content: bytes) -> bytes:
    return content.replace(b"Doe^Jane", b"Zqxv^Wjk").replace(b"TEST-1", PATIENT_ID.encode())


@pytest.fixture
def log():
    """Everything that any logger says, as it is written in life."""
    kept = io.StringIO()
    handler = logging.StreamHandler(kept)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    before, formerly = root.level, root.handlers[:]
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield kept
    root.removeHandler(handler)
    root.setLevel(before)
    assert root.handlers == formerly


def _everything_bad(client: Client) -> None:
    """The corpus of T08 by both HTTP doors, alone and packed."""
    for bad in bad_files():
        content = marked(bad.content)
        sent = io.BytesIO(content)
        sent.name = f"{NAME}.dcm"
        client.post("/api/v1/uploads", {"files": sent})
        packed = io.BytesIO(make_zip({f"{NAME}/{bad.name}": content}))
        packed.name = "images.zip"
        client.post("/api/v1/uploads", {"files": packed})
        client.post("/dicom-web/studies", related([content]), content_type=DICOM_MULTIPART)
    first, second = (marked(good_file(SOPInstanceUID="1.2.3", StudyDescription=d)) for d in "ab")
    client.post("/dicom-web/studies", related([first, second]), content_type=DICOM_MULTIPART)


def _every_question(client: Client) -> None:
    for query in (
        f"PatientName={NAME}*", f"PatientID={PATIENT_ID}", f"PatientName={NAME}%00",
        f"StudyDate={NAME}", f"{NAME}=1", f"includefield={NAME}", f"limit={NAME}",
    ):  # fmt: skip
        client.get(f"/dicom-web/studies?{query}")
    for path in (
        f"/studies/?q={NAME}", f"/studies/?patient_name={NAME}&date_from={PATIENT_ID}",
        f"/api/v1/studies?patient_name={NAME}", f"/api/v1/studies/{NAME}",
        f"/dicom-web/studies/{NAME}", f"/wado?studyUID={NAME}", f"/audit/?user={NAME}",
        f"/manage/patients/?q={NAME}",
    ):  # fmt: skip
        client.get(path)


def _what_the_database_refuses() -> None:
    """A statement that fails with the name in it, and one that takes long."""
    for statement in (
        "SELECT %s::date",
        "SELECT 1 FROM no_such_table WHERE name = %s",
        "SELECT pg_sleep(2.2), %s",
    ):
        with contextlib.suppress(DatabaseError), transaction.atomic():
            connection.cursor().execute(statement, [OTHER])
    try:
        with transaction.atomic():
            connection.cursor().execute("SELECT %s::uuid", [OTHER])
    except DatabaseError:
        logging.getLogger("archive.ingest").exception("database not reachable while storing")


def _in_files(folder: Path, words: tuple[str, ...]) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found += [f"{path}: {word}" for word in words if word.encode() in content]
    return found


def test_t85_logs_no_phi(archive_admin, project, services, log, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    client = Client(raise_request_exception=False)
    client.force_login(archive_admin)
    client.handler.enforce_csrf_checks = False

    with contextlib.suppress(ArchiveError):
        _everything_bad(client)
    _every_question(client)
    _what_the_database_refuses()

    said = log.getvalue()
    assert said.count("\n") > 20, "something was logged"
    assert [line for line in said.splitlines() if any(word in line for word in WORDS)] == []
    home = Path(os.environ["TWINSIGHT_HOME"])
    assert (home / "logs" / "postgres.log").is_file()
    assert _in_files(home / "logs", WORDS) == []
    assert _in_files(tmp_path, WORDS) == []
    assert list((blob_store().root / "spool").iterdir()) == []
    assert _in_valkey(services.redis_url) == []


def _in_valkey(url: str) -> list[str]:
    found = []
    for number in range(4):
        server = redis.Redis.from_url(url, db=number)
        for key in server.scan_iter(count=500):
            kept = bytes(key) + (server.dump(key) or b"")
            found += [f"{key!r}: {word}" for word in WORDS if word.encode() in kept]
        server.close()
    return found

"""An uploaded picture is looked at in memory: it reaches no disk, queue, database or log."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import redis
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from tests.builders.datasets import as_part10, make_dataset
from tests.builders.pictures import png_of
from tests.builders.vectors import make_case

pytestmark = pytest.mark.django_db

MARK = "PRIVATE7f3a9c"


@pytest.fixture
def case(project, encoder_space):
    return make_case(encoder_space, [np.ones(384, dtype=np.float32)], projects=[project])


@pytest.fixture
def watched(tmp_path, monkeypatch) -> Path:
    """The only folder for temporary files, and none can be made without being seen."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def refused(*args, **kwargs):
        raise AssertionError("a temporary file was asked for")

    for name in ("mkstemp", "NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile"):
        monkeypatch.setattr(tempfile, name, refused)
    return tmp_path


def files_with_mark(*folders: Path) -> list[Path]:
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            # PostgreSQL's own files hold every row; the rows themselves are searched below.
            if path.is_file() and "postgres" not in str(path) and "pgdata" not in str(path):
                try:
                    content = path.read_bytes()
                except OSError:
                    continue
                if MARK.encode() in content:
                    found.append(path)
    return found


def queued_values() -> bytes:
    values = b""
    for number in (0, 1):
        store = redis.Redis.from_url(settings.REDIS_URL, db=number)
        for key in store.scan_iter():
            values += key + (store.dump(key) or b"")
        store.close()
    return values


def rows_with_mark() -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f'SELECT count(*) FROM "{table}" row WHERE row::text LIKE %s',  # noqa: S608
                [f"%{MARK}%"],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


PNG = png_of(1500, 2000, text=MARK)
DICOM = as_part10(make_dataset(PatientID=MARK, PatientName=MARK, StudyDescription=MARK))


@pytest.mark.parametrize(
    ("content", "status"),
    [(PNG, 200), (DICOM, 200), (PNG[:-1000] + b"x", 400), (MARK.encode() * 100, 400)],
    ids=["PNG of 3 MB", "DICOM", "damaged PNG", "no picture"],
)
def test_nothing_of_an_uploaded_picture_is_left(
    client, case, watched, caplog, capfd, content, status
):
    caplog.set_level(logging.DEBUG)
    upload = SimpleUploadedFile(f"{MARK}.png", content)

    response = client.post("/api/v1/similar", {"image": upload, "text": "unheard"})

    assert response.status_code == status, response.content
    assert MARK not in response.content.decode()
    assert list(watched.iterdir()) == []
    assert files_with_mark(watched, Path(os.environ["TWINSIGHT_HOME"])) == []
    assert MARK.encode() not in queued_values()
    assert rows_with_mark() == []
    printed = capfd.readouterr()
    assert MARK not in caplog.text + printed.out + printed.err


def test_a_kept_search_holds_no_picture(client, case, watched):
    upload = SimpleUploadedFile("x.png", PNG)

    response = client.post("/api/v1/searches", {"image": upload})

    assert response.status_code in {400, 415}
    assert rows_with_mark() == []

"""The virus scanner's word counts before anything is kept; without it nothing comes in."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from django.test import Client

from archive.dicomweb.statuses import http_status
from archive.dimse.statuses import OUT_OF_RESOURCES, store_status
from archive.errors import StorageError
from archive.ingest.scanning import Scanner, address_of
from archive.ingest.types import Origin, Outcome
from archive.models import Instance, Quarantine
from archive.storage.stores import blob_store
from tests.archive.ingest.test_services import instance, store
from tests.builders.scanner import MARK, fake_scanner

CLAMD = shutil.which("clamd") or "/usr/sbin/clamd"


@pytest.fixture
def folder():
    """A short path: those of sockets have a limit."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def scanner(folder, settings):
    with fake_scanner(folder) as server:
        settings.TWINSIGHT_CLAMD = server.path
        yield server


def _file(folder, content):
    path = folder / "file"
    path.write_bytes(content)
    return path


def test_a_file_is_sent_whole_and_the_answer_understood(scanner, folder):
    asked = Scanner(scanner.path, timeout_s=10)
    asked.check()
    content = bytes(range(256)) * 4000

    assert asked.find(_file(folder, content)) is None
    assert scanner.seen == [content]
    found = asked.find(_file(folder, b"x" + MARK))
    assert (found.code, found.message) == ("infected", "The virus scanner found Test.Mark.")
    scanner.most = 10
    assert asked.find(_file(folder, content)).code == "not-scanned"
    scanner.most = len(content)
    for said in ("lstat() failed: No such file. ERROR", "", "SOMETHING ELSE"):
        scanner.said = said or "\0"
        with pytest.raises(StorageError) as refused:
            asked.find(_file(folder, b"x"))
        assert (refused.value.code, refused.value.retriable) == ("scanner-unavailable", True)


def test_where_it_is_may_be_said_in_many_ways(folder):
    assert address_of("scan.example.org:3311") == ("scan.example.org", 3311)
    assert address_of("scan.example.org") == ("scan.example.org", 3310)
    assert address_of("[::1]:3311") == ("::1", 3311)
    for place in (str(folder / "nothing"), "127.0.0.1:1"):
        with pytest.raises(StorageError, match="can't be asked"):
            Scanner(place, timeout_s=1).check()


@pytest.mark.django_db
def test_what_is_infected_is_quarantined_by_name_and_given_to_nobody(
    scanner, radiologist, project, archive_admin
):
    bad = instance(2, ImageComments=MARK.decode())

    results = store(instance(1), bad, MARK, origin=Origin(door="test", project=project))

    assert [one.outcome.value for one in results] == ["stored", "quarantined", "quarantined"]
    assert Instance.objects.get().sop_instance_uid == "1.2.3.1.1"
    entry, other = Quarantine.objects.order_by("original_name")
    assert (entry.reason_code, entry.reason) == ("infected", "The virus scanner found Test.Mark.")
    assert other.reason_code == "infected", "also what is no instance"
    assert blob_store().exists(entry.blob.sha256)
    client = Client()
    client.force_login(archive_admin)
    assert client.get(f"/api/v1/quarantine/{entry.pk}/file").status_code == 403
    assert client.get(f"/quarantine/{entry.pk}/file/").status_code == 403
    again = client.post(f"/api/v1/quarantine/{entry.pk}/retry", {}, "application/json")
    assert (again.status_code, again.json()["detail"]) == (400, entry.reason)
    assert Instance.objects.count() == 1


@pytest.mark.django_db
def test_a_scanner_that_is_away_keeps_everything_out_for_now(settings, folder):
    assert "scanner" not in Client().get("/readyz").json(), "none is set"
    settings.TWINSIGHT_CLAMD = str(folder / "nothing")
    before = set(blob_store().digests())

    (result,) = store(instance(1))

    assert (result.outcome, result.error.code) == (Outcome.FAILED, "scanner-unavailable")
    assert (http_status(result.error), store_status(result.error)) == (503, OUT_OF_RESOURCES)
    assert Instance.objects.count() == Quarantine.objects.count() == 0
    assert set(blob_store().digests()) == before
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["scanner"]) == (503, "failed")
    with fake_scanner(folder) as server:
        settings.TWINSIGHT_CLAMD = f"unix:{server.path}"
        assert Client().get("/readyz").json()["scanner"] == "ok"
        assert store(instance(1))[0].outcome is Outcome.STORED


@pytest.mark.slow
@pytest.mark.skipif(not Path(CLAMD).exists(), reason="clamd is not installed")
def test_a_real_clamd_finds_what_its_signatures_name(folder):
    """With a database of one signature of our own, for a mark anywhere in a file."""
    (folder / "own.ndb").write_text(f"Twinsight.Test:0:*:{MARK.hex()}\n")
    place = folder / "clamd"
    (folder / "conf").write_text(
        f"Foreground yes\nLocalSocket {place}\nDatabaseDirectory {folder}\n"
        f"TemporaryDirectory {folder}\nStreamMaxLength 1M\n"
    )
    asked = Scanner(str(place), timeout_s=60)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [CLAMD, "--config-file", folder / "conf"], stdout=log, stderr=log
        )
    try:
        for _ in range(600):
            if place.exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert place.exists(), (folder / "log").read_text()
        asked.check()
        assert asked.find(_file(folder, instance(1))) is None
        found = asked.find(_file(folder, instance(2, ImageComments=MARK.decode())))
        assert found.message == "The virus scanner found Twinsight.Test.UNOFFICIAL."
        assert asked.find(_file(folder, bytes(5_000_000))).code == "not-scanned"
    finally:
        process.terminate()
        process.wait()

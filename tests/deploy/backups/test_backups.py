"""Snapshots of an archive: what is in them, what stays, what is refused."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from archive.models import AuditEvent, Backup, Blob
from archive.research.sealing import add_key, changing_keys
from archive.statistics.sampling import take_sample
from archive.storage.local import LocalBlobStore
from archive.storage.stores import blob_store
from deploy.backups import dumping, making, restoring
from deploy.backups.errors import BackupError
from deploy.backups.layout import BackupFolder
from deploy.backups.restoring import check_snapshot
from tests.archive.storage.test_contract import keep
from tests.deploy.test_metrics import samples
from tests.factories.archive import BlobFactory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from django.contrib.auth.models import User
    from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)
NEW = b"a new scan"


@pytest.fixture
def home(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with a stored file, a model and secrets."""
    root = tmp_path / "home"
    for name in ("secrets", "models/lungs"):
        (root / name).mkdir(parents=True)
    (root / "secrets" / "DJANGO_SECRET_KEY").write_text("very secret\n", encoding="utf-8")
    (root / "secrets" / ".DJANGO_SECRET_KEY-x1").write_text("half of o", encoding="utf-8")
    (root / "models" / "lungs" / "weights.pt").write_bytes(b"weights")
    monkeypatch.setenv("TWINSIGHT_HOME", str(root))
    settings.TWINSIGHT_MODELS_DIR = root / "models"
    settings.TWINSIGHT_STORAGE_URL = (root / "blobs").as_uri()
    stored(b"a scan")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> BackupFolder:
    return BackupFolder(tmp_path / "backups")


def stored(content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    keep(blob_store(), content)
    BlobFactory(sha256=sha256, size_bytes=len(content))
    return sha256


def run(command: str, folder: BackupFolder, *options: str) -> str:
    said = StringIO()
    call_command(command, str(folder.root), *options, "--no-progress", stdout=said)
    return said.getvalue()


def kept(folder: BackupFolder) -> set[str]:
    return set(folder.store().digests())


@pytest.mark.usefixtures("home")
def test_snapshot_holds_everything_and_the_next_copies_only_what_is_new(
    folder: BackupFolder,
) -> None:
    assert "1 of them new here" in run("backup", folder)
    (first,) = folder.snapshots()
    new = stored(NEW)
    assert "1 of them new here" in run("backup", folder)

    snapshot = folder.find()
    said = snapshot.manifest()
    assert first.name < snapshot.name
    assert set(said.files) == {"database.dump", "blobs.gz", "secrets/DJANGO_SECRET_KEY"}
    assert (snapshot.folder / "secrets/DJANGO_SECRET_KEY").stat().st_mode & 0o077 == 0
    assert folder.root.stat().st_mode & 0o077 == 0
    assert list(said.models) == ["lungs/weights.pt"]
    assert set(snapshot.digests()) == set(Blob.objects.values_list("sha256", flat=True))
    assert new not in set(first.digests())
    assert kept(folder) == {*snapshot.digests(), *said.models.values()}
    assert list(AuditEvent.objects.values_list("act", "event_id")) == [("backup", "110106")] * 2
    assert f"{snapshot.name} is whole" in run("restore", folder, "--check")
    assert run("restore", folder, "--list").count("instances") == 2


@pytest.mark.usefixtures("home")
def test_page_and_metrics_say_when_the_last_one_was_made(
    folder: BackupFolder, client: Client, archive_admin: User
) -> None:
    take_sample()
    client.force_login(archive_admin)
    assert "No backup was made here" in client.get("/manage/storage/").content.decode()
    assert "twinsight_last_backup" not in client.get("/metrics").content.decode()

    run("backup", folder)
    row = Backup.objects.get()
    page = client.get("/manage/storage/").content.decode()
    assert "Backed up" in page
    assert "1 files" in page
    figures = samples(client.get("/metrics").content.decode())
    assert figures["twinsight_last_backup_timestamp_seconds",] == row.made_at.timestamp()

    Backup.objects.update(made_at=row.made_at - timedelta(days=9), lacking=2)
    page = client.get("/manage/storage/").content.decode()
    assert "Backed up" not in page
    assert "The last backup is old" in page
    assert "2 files were lost before" in page


@pytest.mark.usefixtures("home")
def test_older_snapshots_go_with_the_files_that_only_they_name(folder: BackupFolder) -> None:
    old = stored(b"soon purged")
    run("backup", folder)
    blob_store().delete(old)
    Blob.objects.filter(sha256=old).delete()
    new = stored(NEW)
    first = folder.find()

    said = run("backup", folder, "--keep", "1", "--without-secrets")

    assert f"{first.name} was removed" in said
    assert "keep DJANGO_SECRET_KEY" in said
    assert [snapshot.name for snapshot in folder.snapshots()] == [folder.find().name]
    assert "secrets/DJANGO_SECRET_KEY" not in folder.find().manifest().files
    assert new in kept(folder)
    assert old not in kept(folder)
    assert "is whole" in run("restore", folder, "--check")


@pytest.mark.usefixtures("home")
def test_what_the_archive_has_lost_is_said_and_what_was_purged_is_no_loss(
    folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, purged = stored(b"lost by the disk"), stored(b"purged meanwhile")
    blob_store().delete(lost)
    store = folder.store

    def purge() -> object:
        # Between the database's moment and the copy.
        blob_store().delete(purged)
        Blob.objects.filter(sha256=purged).delete()
        return store()

    monkeypatch.setattr(folder, "store", purge)
    monkeypatch.setattr("deploy.management.commands.backup.BackupFolder", lambda _: folder)

    with pytest.raises(CommandError, match="has lost 1 files"):
        run("backup", folder)

    assert folder.find().manifest().lacking == [lost]
    assert purged in set(folder.find().digests())


@pytest.mark.usefixtures("home")
def test_damage_in_a_backup_is_found_and_mended(folder: BackupFolder) -> None:
    sha256 = stored(NEW)
    run("backup", folder)
    folder.store().path(sha256).write_bytes(b"a new scar")

    with pytest.raises(CommandError, match="1 of its files are damaged or gone"):
        run("restore", folder, "--check")
    run("backup", folder, "--read-again")
    assert "is whole" in run("restore", folder, "--check")

    dump = folder.find().folder / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-1])
    with pytest.raises(CommandError, match=r"is damaged: database\.dump"):
        run("restore", folder)


@pytest.mark.usefixtures("home")
def test_an_interrupted_backup_is_none_and_leaves_nothing_behind(folder: BackupFolder) -> None:
    with pytest.raises(CommandError, match="There is no backup in"):
        run("restore", folder)
    folder.prepare()
    left = folder.begin()
    (left / "database.dump").write_bytes(b"half of i")

    assert folder.snapshots() == []
    run("backup", folder)
    assert not left.exists()
    with (
        BackupFolder(folder.root).held(),
        pytest.raises(CommandError, match="Another backup or restoration uses"),
    ):
        run("backup", folder)
    with folder.read(), pytest.raises(CommandError, match="Another backup or restoration uses"):
        run("backup", folder, "--keep", "1")


@pytest.mark.usefixtures("home")
def test_restoring_refuses_what_would_overwrite_or_not_fit(folder: BackupFolder) -> None:
    run("backup", folder)
    with pytest.raises(CommandError, match=r"This archive is not empty, and nothing was changed"):
        run("restore", folder)
    with pytest.raises(CommandError, match="There is no backup 2001 in"):
        run("restore", folder, "--snapshot", "2001")

    manifest = folder.find().folder / "manifest.json"
    said = json.loads(manifest.read_text(encoding="utf-8"))
    newer = {**said, "release": "99.1", "migrations": [*said["migrations"], "archive.9999_later"]}
    manifest.write_text(json.dumps(newer), encoding="utf-8")
    with pytest.raises(CommandError, match=r"made by release 99\.1, this is .*9999_later"):
        run("restore", folder)
    manifest.write_text(json.dumps({**said, "form": 2}), encoding="utf-8")
    with pytest.raises(BackupError, match="made by another release"):
        folder.find().manifest()


def test_backups_lie_outside_of_the_archive(home: Path) -> None:
    with pytest.raises(CommandError, match="outside TWINSIGHT_HOME"):
        run("backup", BackupFolder(home / "backups"))
    with pytest.raises(CommandError, match="--keep takes"):
        run("backup", BackupFolder(home / "backups"), "--keep", "-1")


@pytest.mark.usefixtures("home")
def test_files_of_a_bucket_may_be_left_to_its_own_copies(folder: BackupFolder) -> None:
    assert "the bucket's own copy" in run("backup", folder, "--without-files")

    assert kept(folder) == set(folder.find().manifest().models.values())
    assert "is whole: 1 files were read" in run("restore", folder, "--check")


@pytest.mark.usefixtures("home")
def test_what_postgresql_says_is_passed_on(
    folder: BackupFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("postgres", "pg_dump"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'server version mismatch' >&2; exit 1\n")
        program.chmod(0o700)
    monkeypatch.setenv("PGBIN", str(tmp_path))

    with pytest.raises(CommandError, match="server version mismatch Set PGBIN to the folder"):
        run("backup", folder)
    assert folder.snapshots() == []


class BadSector(io.BytesIO):
    """A file whose second half can't be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(1)


@pytest.fixture
def break_sector(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], None]:
    """Break the disk under a file of a store."""
    broken: set[tuple[Path, str]] = set()
    original = LocalBlobStore.original

    def read(store: LocalBlobStore, sha256: str) -> BinaryIO:
        is_broken = (store.root, sha256) in broken and store.exists(sha256)
        return BadSector(b"half") if is_broken else original(store, sha256)

    monkeypatch.setattr(LocalBlobStore, "original", read)
    return lambda root, sha256: broken.add((root, sha256))


def test_a_bad_sector_of_the_archive_costs_one_file(
    home: Path, folder: BackupFolder, break_sector: Callable[[Path, str], None]
) -> None:
    bad, good = stored(b"on a bad sector"), stored(NEW)
    break_sector(home / "blobs", bad)

    with pytest.raises(CommandError, match="has lost 1 files"):
        run("backup", folder)

    assert folder.find().manifest().lacking == [bad]
    assert good in kept(folder)
    said = run("restore", folder, "--check")
    assert "is whole: 3 files were read" in said
    assert "1 files are not in it: the archive had lost them before" in said


@pytest.mark.usefixtures("home")
def test_bad_sectors_of_a_backup_are_found_one_by_one(
    folder: BackupFolder, break_sector: Callable[[Path, str], None]
) -> None:
    bad = stored(NEW)
    run("backup", folder)
    break_sector(folder.root / "blobs", bad)

    assert [found for found in check_snapshot(folder, folder.find()) if found] == [bad]
    # Its disk is as bad under the new copy, and that is said.
    with pytest.raises(CommandError, match="has lost 1 files"):
        run("backup", folder, "--read-again")


@pytest.mark.usefixtures("home")
def test_a_damaged_model_in_a_backup_is_copied_anew(folder: BackupFolder) -> None:
    run("backup", folder)
    (sha256,) = folder.find().manifest().models.values()
    folder.store().path(sha256).write_bytes(b"weighed")
    with pytest.raises(CommandError, match="1 of its files are damaged or gone"):
        run("restore", folder, "--check")

    run("backup", folder, "--read-again")

    assert "is whole" in run("restore", folder, "--check")


def test_a_backup_never_lies_where_the_archives_files_do(
    tmp_path: Path, home: Path, folder: BackupFolder, settings: Any
) -> None:
    for place in (folder.root / "blobs", folder.root / "blobs" / "deeper", folder.root.parent):
        settings.TWINSIGHT_STORAGE_URL = place.as_uri()
        with pytest.raises(CommandError, match="The archive's own files lie in"):
            run("backup", folder, "--keep", "1")


def test_secrets_are_those_of_the_databases_moment(
    home: Path, folder: BackupFolder, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TWINSIGHT_PSEUDONYM_KEYS_PATH = str(home / "secrets" / "PSEUDONYM_KEYS")
    key = home / "secrets" / "PSEUDONYM_KEYS"
    key.write_text("a-first-key\n", encoding="utf-8")
    dump = making.dump

    def rotate(name: str, file: Path) -> None:
        dump(name, file)
        with changing_keys():
            add_key()

    monkeypatch.setattr(making, "dump", rotate)
    run("backup", folder)

    kept_key = folder.find().folder / "secrets" / "PSEUDONYM_KEYS"
    assert kept_key.read_text(encoding="utf-8") == "a-first-key\n"
    assert len(key.read_text(encoding="utf-8").split("\n")) == 3
    with changing_keys(), pytest.raises(CommandError, match="changes the pseudonyms' keys"):
        run("backup", folder)


@pytest.mark.usefixtures("home")
def test_a_clock_that_was_set_back_costs_no_backup(folder: BackupFolder) -> None:
    run("backup", folder)
    first = folder.find()
    first.folder.rename(folder.root / "29990101T000000Z")

    with pytest.raises(CommandError, match=r"The newest backup in .* is of 29990101T000000Z"):
        run("backup", folder, "--keep", "1")

    assert [snapshot.name for snapshot in folder.snapshots()] == ["29990101T000000Z"]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("content", [b"no gzip", b"\x1f\x8b\x08\x00"])
def test_a_damaged_list_of_files_is_named(folder: BackupFolder, content: bytes) -> None:
    run("backup", folder)
    old = folder.find()
    (old.folder / "blobs.gz").write_bytes(content)

    with pytest.raises(CommandError, match=f"list of files of {old.name} is damaged"):
        run("restore", folder, "--check")
    with pytest.raises(CommandError, match=r"is made, but what is old could not be removed"):
        run("backup", folder, "--keep", "2")
    assert len(folder.snapshots()) == 2
    assert Backup.objects.count() == 2


@pytest.fixture
def empty_database(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A database that says it is empty, and takes nothing."""
    loaded: list[Path] = []
    monkeypatch.setattr(restoring, "is_empty", lambda: True)
    monkeypatch.setattr(restoring, "load", loaded.append)
    return loaded


def test_an_empty_database_alone_is_no_way_over_the_home_of_another_archive(
    home: Path, folder: BackupFolder, empty_database: list[Path]
) -> None:
    run("backup", folder)
    secrets = home / "secrets"
    (secrets / "DJANGO_SECRET_KEY").write_text("another\n", encoding="utf-8")
    (secrets / "PSEUDONYM_KEYS").write_text("added since\n", encoding="utf-8")

    with pytest.raises(CommandError, match=r"holds other secrets than .* \(DJANGO_SECRET_KEY"):
        run("restore", folder)
    (secrets / "DJANGO_SECRET_KEY").write_text("very secret\n", encoding="utf-8")
    holding = (
        "import sys; from pathlib import Path; from deploy.supervisor.lock import HomeLock\n"
        "with HomeLock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    (home / "run").mkdir()
    command = [sys.executable, "-c", holding, str(home / "run" / "twinsight.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(CommandError, match="Twinsight runs on"):
            run("restore", folder)
        other.communicate()

    assert empty_database == []
    assert (secrets / "PSEUDONYM_KEYS").read_text(encoding="utf-8") == "added since\n"


@pytest.mark.usefixtures("home")
def test_a_program_too_new_for_the_server_is_refused(
    folder: BackupFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_restore"
    program.write_text("#!/bin/sh\necho 'pg_restore (PostgreSQL) 17.2'\n")
    program.chmod(0o700)
    monkeypatch.setenv("PGBIN", str(tmp_path))
    monkeypatch.setattr(dumping, "server_release", lambda: 16)

    with pytest.raises(BackupError, match="pg_restore 17 can't fill a server of release 16"):
        dumping.load(tmp_path / "database.dump")

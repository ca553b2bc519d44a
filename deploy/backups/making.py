"""A snapshot of a running archive: the database first, then the files that it names.

Stored files never change and are only added, so that whatever the database named at its moment is
there to be copied afterwards, but for what was purged since: that is told apart from what is lost.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from archive.audit.backups import record_backup
from archive.audit.types import Asker
from archive.errors import StorageError
from archive.ingest.moving import Move, Mover, is_whole
from archive.models import AuditSeal, Blob, Instance, Study
from archive.research.errors import SealError
from archive.research.sealing import changing_keys
from archive.statistics.backups import note_backup
from archive.storage.local import LocalBlobStore
from archive.storage.stores import blob_store
from deploy.backups import layout
from deploy.backups.dumping import dump, held_snapshot
from deploy.backups.errors import BackupError
from deploy.supervisor.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from deploy.backups.layout import BackupFolder, Manifest, Snapshot

_CHUNK_BYTES = 1024 * 1024
_LACKING = (Move.DAMAGED, Move.MISSING, Move.UNEQUAL)
_BATCH_ROWS = 500


@dataclass
class Made:
    """A backup that was made, and what was done for it."""

    snapshot: Snapshot
    manifest: Manifest
    copied: int = 0
    dropped: list[str] = field(default_factory=list)


def make_backup(
    folder: BackupFolder,
    *,
    keep: int = 0,
    with_files: bool = True,
    with_secrets: bool = True,
    reads_again: bool = False,
    on_blob: Callable[[], object] = lambda: None,
) -> Made:
    """Make a snapshot, whatever goes on in the archive meanwhile.

    Parameters
    ----------
    folder
        where it goes; files that a former snapshot brought there are not copied again
    keep
        how many snapshots stay, the newest first; 0: all
    with_files
        also copy stored files; a bucket may have copies of its own
    with_secrets
        also copy the home's secrets, without which second steps, peers' credentials and pseudonyms
        can't be read
    reads_again
        compare with their hashes what former snapshots brought there, and copy what is damaged anew
    on_blob
        called for each stored file

    Raises
    ------
    BackupError
        Nothing was made; what was copied meanwhile is there for the next time.
    StorageError
        So it is where a disk refused.
    """
    _refuse_place(folder.root.resolve())
    folder.prepare()
    with folder.held():
        # Before the snapshot, so that it is in there.
        record_backup(Asker(door="command", name="backup"), folder=str(folder.root))
        place = folder.begin()
        with ExitStack() as held:
            # What is sealed at that moment is opened by the keys of that moment.
            with _kept_keys():
                name = held.enter_context(held_snapshot())
                if with_secrets:
                    _copy_secrets(place)
            manifest = replace(_describe(place), with_files=with_files)
            dump(name, place / layout.DATABASE)
        made = Made(layout.Snapshot(place), manifest)
        if with_files:
            mover = Mover(blob_store(), folder.store(), reads_again=reads_again)
            _copy_blobs(mover, made, on_blob)
        manifest.models.update(_copy_models(folder.store(), reads_again=reads_again))
        made.snapshot = folder.finish(place, manifest)
        made.manifest = made.snapshot.manifest()
        _note(made)
        if keep:
            _drop_older(folder, made, keep)
    return made


def _refuse_place(root: Path) -> None:
    if root.is_relative_to(Home.locate().root.resolve()):
        message = "A backup belongs outside TWINSIGHT_HOME: on another disk, or better elsewhere."
        raise BackupError(message)
    store = blob_store()
    if isinstance(store, LocalBlobStore):
        # Sweeping old snapshots' files would take the archive's own.
        live, shared = store.root.resolve(), root / "blobs"
        if live.is_relative_to(shared) or shared.is_relative_to(live):
            message = f"The archive's own files lie in {live}: a backup belongs elsewhere."
            raise BackupError(message)


@contextmanager
def _kept_keys() -> Iterator[None]:
    try:
        with changing_keys():
            yield
    except SealError as error:
        message = "A command changes the pseudonyms' keys right now: run this again after it."
        raise BackupError(message) from error


def _drop_older(folder: BackupFolder, made: Made, keep: int) -> None:
    try:
        for snapshot in folder.snapshots()[:-keep]:
            folder.drop(snapshot)
            made.dropped.append(snapshot.name)
        folder.sweep()
    except (BackupError, StorageError, OSError) as error:
        said = error.message if isinstance(error, StorageError) else error
        message = f"{made.snapshot.name} is made, but what is old could not be removed: {said}"
        raise BackupError(message) from error


def _note(made: Made) -> None:
    said = made.manifest
    note_backup(
        snapshot=made.snapshot.name,
        made_at=datetime.fromisoformat(said.made_at),
        studies=said.studies,
        files=said.blobs,
        size_bytes=said.blob_bytes,
        lacking=len(said.lacking),
        with_files=said.with_files,
    )


def release() -> str:
    """Return this release's version."""
    try:
        return version("twinsight")
    except PackageNotFoundError:
        return "0"


def _describe(place: Path) -> Manifest:
    rows = Blob.objects.order_by("sha256").values_list("sha256", "size_bytes")
    count, size = layout.write_digests(place, rows.iterator(chunk_size=10_000))
    seal = AuditSeal.objects.order_by("-pk").values_list("sha256", flat=True).first()
    applied = MigrationRecorder(connection).applied_migrations()
    return layout.Manifest(
        made_at=timezone.now().isoformat(timespec="seconds"),
        release=release(),
        migrations=sorted(f"{app}.{name}" for app, name in applied),
        studies=Study.objects.count(),
        instances=Instance.objects.count(),
        blobs=count,
        blob_bytes=size,
        seal=seal or "",
        models_folder=str(settings.TWINSIGHT_MODELS_DIR),
    )


def _copy_blobs(mover: Mover, made: Made, on_blob: Callable[[], object]) -> None:
    lacking: list[str] = []
    for moved in mover.copy(made.snapshot.digests()):
        made.copied += moved.move is Move.COPIED
        if moved.move in _LACKING:
            lacking.append(moved.sha256)
        on_blob()
    while batch := list(islice(iter(lacking), _BATCH_ROWS)):
        del lacking[: len(batch)]
        wanted = set(Blob.objects.filter(sha256__in=batch).values_list("sha256", flat=True))
        made.manifest.lacking.extend(sha256 for sha256 in batch if sha256 in wanted)
        made.manifest.purged.extend(sha256 for sha256 in batch if sha256 not in wanted)


def _copy_models(target: LocalBlobStore, *, reads_again: bool) -> dict[str, str]:
    """Copy the files of models under their digests; return these by path."""
    root: Path = settings.TWINSIGHT_MODELS_DIR
    digests: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            if reads_again and target.exists(sha256) and not is_whole(target, sha256):
                target.delete(sha256)
            if not target.exists(sha256):
                stream.seek(0)
                sha256 = _keep(target, stream)
        digests[path.relative_to(root).as_posix()] = sha256
    return digests


def _keep(target: LocalBlobStore, stream: BinaryIO) -> str:
    with target.spool() as spool:
        while chunk := stream.read(_CHUNK_BYTES):
            spool.write(chunk)
        target.keep([spool])
        return spool.sha256


def _copy_secrets(place: Path) -> None:
    secrets = Home.locate().secrets
    target = place / layout.SECRETS
    target.mkdir(mode=0o700)
    for path in sorted(secrets.iterdir()) if secrets.is_dir() else []:
        # One that begins with a dot is being written.
        if path.is_file() and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)
            (target / path.name).chmod(0o600)

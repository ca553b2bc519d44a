"""A snapshot back into an empty archive.

Files come before rows: a restoration that was interrupted has no database yet, and is begun again
with what it had copied. The database comes whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from archive.errors import StorageError
from archive.ingest.moving import Move, Mover
from archive.storage.stores import blob_store
from deploy.backups import layout
from deploy.backups.dumping import is_empty, load
from deploy.backups.errors import BackupError
from deploy.backups.making import release
from deploy.supervisor.home import Home, write_private_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from archive.storage.types import BlobStore
    from deploy.backups.layout import BackupFolder, Manifest, Snapshot

_CHUNK_BYTES = 1024 * 1024


@dataclass
class Restored:
    """What came back."""

    moves: Counter[Move] = field(default_factory=Counter)
    models: int = 0
    secrets: int = 0


def restore(
    folder: BackupFolder, snapshot: Snapshot, *, on_blob: Callable[[], object] = lambda: None
) -> Restored:
    """Bring a snapshot back into the archive of the settings, which is empty.

    Parameters
    ----------
    folder
        only read
    on_blob
        called for each stored file

    Raises
    ------
    BackupError
        The archive is not empty, the snapshot is damaged or of a newer release, or the database
        could not be filled: nothing but stored files was written then.
    StorageError
        The archive's disk refused.
    """
    manifest = snapshot.manifest()
    _check(snapshot, manifest)
    restored = Restored()
    if manifest.with_files:
        for moved in Mover(folder.store(), blob_store()).copy(snapshot.digests()):
            restored.moves[moved.move] += 1
            on_blob()
    restored.models = _restore_models(folder, manifest)
    restored.secrets = _restore_secrets(snapshot)
    load(snapshot.folder / layout.DATABASE)
    connection.close()
    # What a former life of this archive left there is of other rows.
    cache.clear()
    return restored


def check_snapshot(folder: BackupFolder, snapshot: Snapshot) -> Iterator[str]:
    """Read all of a snapshot again, changing nothing.

    Yields
    ------
    for each stored file its digest where it is damaged or gone, else an empty text
    """
    manifest = snapshot.manifest()
    yield from snapshot.damaged_files()
    known = set(manifest.lacking)
    store = folder.store()
    for sha256 in snapshot.digests() if manifest.with_files else ():
        yield "" if sha256 in known or _is_whole(store, sha256) else sha256
    for path, sha256 in manifest.models.items():
        yield "" if _is_whole(store, sha256) else path


def is_behind() -> bool:
    """Whether the database waits for migrations of this release."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _check(snapshot: Snapshot, manifest: Manifest) -> None:
    damaged = snapshot.damaged_files()
    if damaged:
        message = f"{snapshot.name} is damaged: {', '.join(damaged)}. Take another snapshot."
        raise BackupError(message)
    known = {f"{app}.{name}" for app, name in MigrationLoader(connection).disk_migrations}
    newer = [name for name in manifest.migrations if name not in known]
    # Those of libraries may have been squashed since.
    newer = [name for name in newer if name.startswith(("archive.", "inference."))]
    if newer:
        message = (
            f"{snapshot.name} was made by release {manifest.release}, this is {release()}, which"
            f" does not know {', '.join(newer[:3])}: restore it with that release or a newer one."
        )
        raise BackupError(message)
    if not is_empty():
        message = (
            "This archive is not empty, and nothing was changed: restore into a new one. Set"
            " TWINSIGHT_HOME to a new folder, or DATABASE_URL to an empty database."
        )
        raise BackupError(message)


def _is_whole(store: BlobStore, sha256: str) -> bool:
    digest = hashlib.sha256()
    try:
        with store.original(sha256) as stream:
            for chunk in _chunks(stream):
                digest.update(chunk)
    except (StorageError, OSError):
        return False
    return digest.hexdigest() == sha256


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk


def _restore_models(folder: BackupFolder, manifest: Manifest) -> int:
    root: Path = settings.TWINSIGHT_MODELS_DIR
    store = folder.store()
    for name, sha256 in manifest.models.items():
        target = root / name
        if not target.resolve().is_relative_to(root.resolve()):
            message = f"The backup names a model's file outside of its folder: {name}."
            raise BackupError(message)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        digest = hashlib.sha256()
        with store.original(sha256) as stream, partial.open("wb") as file:
            for chunk in _chunks(stream):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            partial.unlink()
            message = f"A model's file is damaged in the backup: {name}. Take another snapshot."
            raise BackupError(message)
        partial.replace(target)
    return len(manifest.models)


def _restore_secrets(snapshot: Snapshot) -> int:
    """Write the secrets over those that this home made for itself a moment ago."""
    source = snapshot.folder / layout.SECRETS
    if not source.is_dir():
        return 0
    home = Home.locate().prepare()
    files = sorted(source.iterdir())
    for path in files:
        write_private_file(home.secrets / path.name, path.read_text(encoding="utf-8"))
    return len(files)

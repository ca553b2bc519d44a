"""A snapshot back into an empty archive.

Files come before rows: a restoration that was interrupted has no database yet, and is begun again
with what it had copied. The database comes whole or not at all; a note in the home says that it
is there, for what is left to do then.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.models import Value
from django.db.models.functions import Concat, Substr

from archive.errors import StorageError
from archive.inbox.batches import give_up_lost
from archive.ingest.moving import Move, Mover, is_whole
from archive.ingest.verification import last_verification
from archive.models import Blob
from archive.storage.stores import blob_store
from deploy.backups import layout
from deploy.backups.dumping import is_empty, load
from deploy.backups.errors import BackupError
from deploy.backups.making import release
from deploy.supervisor.home import Home, write_private_file
from deploy.supervisor.lock import is_held_by_another
from inference.models import ModelVersion, TrainingRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from django.db.models import QuerySet

    from archive.storage.types import BlobStore
    from deploy.backups.layout import BackupFolder, Manifest, Snapshot

_CHUNK_BYTES = 1024 * 1024
_BATCH_ROWS = 500
_SECRET_KEY = "DJANGO_SECRET_KEY"  # noqa: S105 a file's name


@dataclass
class Restored:
    """What came back.

    Attributes
    ----------
    bad_models
        files of models that are damaged or gone in the backup
    """

    moves: Counter[Move] = field(default_factory=Counter)
    models: int = 0
    bad_models: list[str] = field(default_factory=list)
    secrets: int = 0


def restore(
    folder: BackupFolder, snapshot: Snapshot, *, on_blob: Callable[[], object] = lambda: None
) -> Restored:
    """Bring a snapshot back into the archive of the settings, which is empty.

    Where an interrupted restoration of the same snapshot had filled the database, it is left as
    it is, for `finish`.

    Parameters
    ----------
    folder
        only read
    on_blob
        called for each stored file

    Raises
    ------
    BackupError
        The archive is not empty, the snapshot is damaged or of a newer release: nothing was
        written then. Or the database could not be filled, and is empty still.
    StorageError
        The archive's disk refused.
    """
    manifest = snapshot.manifest()
    note = _note()
    is_loaded = not is_empty() and note.is_file() and note.read_text("utf-8") == snapshot.name
    _check(snapshot, manifest, is_loaded=is_loaded)
    restored = Restored()
    if manifest.with_files:
        for moved in Mover(folder.store(), blob_store()).copy(snapshot.digests()):
            restored.moves[moved.move] += 1
            on_blob()
    _restore_models(folder, manifest, restored)
    restored.secrets = _restore_secrets(snapshot)
    if not is_loaded:
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private_file(note, snapshot.name)
        load(snapshot.folder / layout.DATABASE)
        connection.close()
        # What a former life of this archive left there is of other rows.
        cache.clear()
    return restored


def finish(manifest: Manifest) -> int:
    """Bring the rows into line with where they are now; may be done again.

    Returns
    -------
    How many unfinished uploads were given up, whose bytes are in no backup.
    """
    old, new = manifest.models_folder, str(settings.TWINSIGHT_MODELS_DIR)
    if old and old != new:
        _rebase(ModelVersion.objects.all(), "bundle_path", old, new)
        _rebase(TrainingRun.objects.all(), "folder", old, new)
    return give_up_lost()


def close() -> None:
    """Forget that a restoration is under way."""
    _note().unlink(missing_ok=True)


def is_whole_but_for_purged(manifest: Manifest) -> bool:
    """Whether the last verification missed only what was purged as the backup was made."""
    last = last_verification()
    if last is None or last.finished_at is None:
        return False
    found: int = sum(last.found.values())
    for start in range(0, len(manifest.purged), _BATCH_ROWS):
        purged = manifest.purged[start : start + _BATCH_ROWS]
        found -= Blob.objects.filter(sha256__in=purged, state=Blob.State.MISSING).count()
    return found == 0


def check_snapshot(folder: BackupFolder, snapshot: Snapshot) -> Iterator[str]:
    """Read all of a snapshot again, changing nothing.

    Yields
    ------
    for each stored file its digest where it is damaged or gone, else an empty text
    """
    manifest = snapshot.manifest()
    yield from snapshot.damaged_files()
    absent = manifest.absent
    store = folder.store()
    for sha256 in snapshot.digests() if manifest.with_files else ():
        if sha256 not in absent:
            yield "" if _is_whole(store, sha256) else sha256
    for path, sha256 in manifest.models.items():
        yield "" if _is_whole(store, sha256) else path


def is_behind() -> bool:
    """Whether the database waits for migrations of this release."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _check(snapshot: Snapshot, manifest: Manifest, *, is_loaded: bool) -> None:
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
    if not (is_loaded or is_empty()):
        message = (
            "This archive is not empty, and nothing was changed: restore into a new one. Set"
            " TWINSIGHT_HOME to a new folder, and DATABASE_URL, where you use it, to an empty"
            " database."
        )
        raise BackupError(message)
    _refuse_home(snapshot)


def _refuse_home(snapshot: Snapshot) -> None:
    """Keep an empty database from bringing a snapshot over the home of a living archive."""
    home = Home.locate()
    if is_held_by_another(home.lock_file):
        message = (
            f"Twinsight runs on {home.root}, and nothing was changed: stop it, or set"
            " TWINSIGHT_HOME to a new folder as well."
        )
        raise BackupError(message)
    here = _texts(home.secrets)
    wanted = _texts(snapshot.folder / layout.SECRETS)
    others = [name for name, text in here.items() if wanted.get(name, text) != text]
    # A new home makes this one for itself at its first command.
    if others and not (others == [_SECRET_KEY] and set(here) == {_SECRET_KEY}):
        message = (
            f"{home.secrets} holds other secrets than {snapshot.name} ({', '.join(others)}), and"
            " nothing was changed: set TWINSIGHT_HOME to a new folder, or put them aside."
        )
        raise BackupError(message)


def _texts(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    return {path.name: path.read_text("utf-8") for path in files if path.name[0] != "."}


def _note() -> Path:
    return Home.locate().root / "restoring"


def _rebase(rows: QuerySet[Any], column: str, old: str, new: str) -> None:
    inside = rows.filter(**{f"{column}__startswith": f"{old}/"})
    inside.update(**{column: Concat(Value(new), Substr(column, len(old) + 1))})


def _is_whole(store: BlobStore, sha256: str) -> bool:
    try:
        return is_whole(store, sha256)
    except (StorageError, OSError):
        return False


def _restore_models(folder: BackupFolder, manifest: Manifest, restored: Restored) -> None:
    """Bring the models' files back; a damaged one keeps neither the others nor the images away."""
    root: Path = settings.TWINSIGHT_MODELS_DIR
    store = folder.store()
    for name, sha256 in manifest.models.items():
        target = root / name
        if not target.resolve().is_relative_to(root.resolve()):
            message = f"The backup names a model's file outside of its folder: {name}."
            raise BackupError(message)
        if not _is_whole(store, sha256):
            restored.bad_models.append(name)
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        with store.original(sha256) as stream, partial.open("wb") as file:
            shutil.copyfileobj(stream, file, _CHUNK_BYTES)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        restored.models += 1


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

"""What a backup's folder holds.

``blobs/`` has the stored files and those of models, each once under its SHA-256, for all snapshots
together. Beside it lies a folder a snapshot, named by its time: ``database.dump`` (pg_dump's custom
format), ``blobs.gz`` (a line a stored file: digest and bytes, ordered), ``secrets/``, and
``manifest.json``, which is written last. A snapshot gets its name only once it is whole.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import time
import zlib
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from django.utils import timezone

from archive.storage.local import LocalBlobStore
from deploy.backups.errors import BackupError
from deploy.supervisor.errors import HomeInUseError
from deploy.supervisor.home import write_private_file
from deploy.supervisor.lock import HomeLock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FORM = 1
DATABASE, BLOBS, SECRETS, MANIFEST = "database.dump", "blobs.gz", "secrets", "manifest.json"
_NAME = "%Y%m%dT%H%M%SZ"
_UNFINISHED, _GOING = ".unfinished-", ".going-"


@dataclass(frozen=True)
class Manifest:
    """What a snapshot says of itself.

    Attributes
    ----------
    migrations
        ``app.name`` of all that the database had seen: what tells a newer release's snapshot
    files
        SHA-256 of each file of the snapshot, by its path in it
    models
        SHA-256 of each file of the installed models, by its path in their folder
    seal
        digest of the audit trail's last seal; empty where nothing was sealed yet
    lacking
        digests of stored files that the database names and the archive could not give
    purged
        digests of those that were purged between the database's moment and their copy
    models_folder
        where the models lay: rows name their files by whole paths
    with_files
        whether stored files were copied; else their store has copies of its own
    """

    made_at: str
    release: str
    migrations: list[str]
    studies: int
    instances: int
    blobs: int
    blob_bytes: int
    seal: str = ""
    files: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)
    models_folder: str = ""
    with_files: bool = True
    form: int = FORM

    @property
    def absent(self) -> set[str]:
        """Digests that the database names and that the snapshot never had."""
        return {*self.lacking, *self.purged}


@dataclass(frozen=True)
class Snapshot:
    """One whole backup of an archive."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def manifest(self) -> Manifest:
        """Read what it says of itself.

        Raises
        ------
        BackupError
            It can't be read, or another form of backup made it.
        """
        try:
            said = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
            if said.get("form") != FORM:
                message = f"{self.name} was made by another release: take that one to restore it."
                raise BackupError(message)
            return Manifest(**said)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            message = f"The manifest of {self.name} can't be read: {error}."
            raise BackupError(message) from error

    def digests(self) -> Iterator[str]:
        """Walk the digests of the stored files that its database names.

        Raises
        ------
        BackupError
            The list is damaged.
        """
        try:
            with gzip.open(self.folder / BLOBS, "rt", encoding="ascii") as lines:
                for line in lines:
                    yield line.split(" ", 1)[0]
        except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
            message = f"The list of files of {self.name} is damaged: {error}."
            raise BackupError(message) from error

    def damaged_files(self) -> list[str]:
        """Name the files of its own that are not what they were when it was made."""
        wanted = self.manifest().files
        return [path for path, sha256 in wanted.items() if _digest(self.folder / path) != sha256]


class BackupFolder:
    """A folder with snapshots of one archive."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder, for nobody else to read."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"Cannot use {self.root} for backups: {error.strerror}."
            raise BackupError(message) from error

    def store(self) -> LocalBlobStore:
        """Open the files that the snapshots share."""
        return LocalBlobStore(self.root / "blobs")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from writing there, and clear what an interrupted one left."""
        lock = _BackupLock(self.root / ".lock")
        try:
            lock.acquire()
        except OSError as error:
            message = f"Cannot write to {self.root}: {error.strerror}."
            raise BackupError(message) from error
        try:
            for left in (*self.root.glob(f"{_UNFINISHED}*"), *self.root.glob(f"{_GOING}*")):
                shutil.rmtree(left)
            yield
        finally:
            lock.release()

    @contextmanager
    def read(self) -> Iterator[None]:
        """Keep others from taking snapshots away; where nobody can write, nobody does."""
        lock = _BackupLock(self.root / ".lock")
        with suppress(OSError):
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def snapshots(self) -> list[Snapshot]:
        """List the whole ones, oldest first."""
        found = self.root.glob(f"[0-9]*/{MANIFEST}")
        return [Snapshot(place.parent) for place in sorted(found)]

    def find(self, name: str = "") -> Snapshot:
        """Return the snapshot of a name, else the newest.

        Raises
        ------
        BackupError
            There is none.
        """
        found = self.snapshots()
        if not found:
            message = f"There is no backup in {self.root}."
            raise BackupError(message)
        if not name:
            return found[-1]
        named = [snapshot for snapshot in found if snapshot.name == name]
        if not named:
            names = ", ".join(snapshot.name for snapshot in found)
            message = f"There is no backup {name} in {self.root}; there are {names}."
            raise BackupError(message)
        return named[0]

    def begin(self) -> Path:
        """Make the folder of a snapshot that is not whole yet.

        Raises
        ------
        BackupError
            The newest there is of a time that has not come: which is the newest would be unknown.
        """
        while (self.root / (name := timezone.now().strftime(_NAME))).exists():
            time.sleep(0.05)  # another was made within this second
        newest = max((snapshot.name for snapshot in self.snapshots()), default="")
        if name < newest:
            message = (
                f"The newest backup in {self.root} is of {newest}, and here it is {name}: set the"
                " clock right, or take that backup out of the folder."
            )
            raise BackupError(message)
        place = self.root / f"{_UNFINISHED}{name}"
        place.mkdir(mode=0o700)
        return place

    def finish(self, place: Path, manifest: Manifest) -> Snapshot:
        """Write the manifest, make all of it durable, and give the snapshot its name."""
        name = place.name.removeprefix(_UNFINISHED)
        files = {
            str(path.relative_to(place)): _digest(path)
            for path in sorted(place.rglob("*"))
            if path.is_file()
        }
        said = {**asdict(manifest), "files": files}
        write_private_file(place / MANIFEST, json.dumps(said, indent=1) + "\n")
        for path in (*place.rglob("*"), place):
            _sync(path)
        whole = self.root / name
        place.rename(whole)
        _sync(self.root)
        return Snapshot(whole)

    def drop(self, snapshot: Snapshot) -> None:
        """Remove a snapshot; one that is half removed is none any more."""
        going = snapshot.folder.with_name(f"{_GOING}{snapshot.name}")
        snapshot.folder.rename(going)
        _sync(self.root)
        shutil.rmtree(going)

    def sweep(self) -> int:
        """Remove files that no snapshot names any more; return how many."""
        wanted: set[bytes] = set()
        for snapshot in self.snapshots():
            wanted.update(bytes.fromhex(sha256) for sha256 in snapshot.digests())
            wanted.update(bytes.fromhex(sha256) for sha256 in snapshot.manifest().models.values())
        store = self.store()
        going = [sha256 for sha256 in store.digests() if bytes.fromhex(sha256) not in wanted]
        for sha256 in going:
            store.delete(sha256)
        store.sweep_spool(0)
        return len(going)


class _BackupLock(HomeLock):
    def acquire(self) -> None:
        try:
            super().acquire()
        except HomeInUseError as error:
            message = f"Another backup or restoration uses {self.path.parent} right now."
            raise BackupError(message) from error


def write_digests(place: Path, blobs: Iterable[tuple[str, int]]) -> tuple[int, int]:
    """Write the list of stored files; return how many they are and their bytes."""
    count = size = 0
    with gzip.open(place / BLOBS, "wt", encoding="ascii", compresslevel=1) as lines:
        for sha256, size_bytes in blobs:
            lines.write(f"{sha256} {size_bytes}\n")
            count += 1
            size += size_bytes
    return count, size


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

import subprocess
import sys
import time
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from archive.audit.backups import record_restore
from archive.audit.types import Asker
from archive.errors import StorageError
from archive.ingest.verification import last_verification
from deploy.backups.errors import BackupError
from deploy.backups.layout import BackupFolder, Snapshot
from deploy.backups.restoring import (
    check_snapshot,
    close,
    finish,
    is_behind,
    is_whole_but_for_purged,
    restore,
)

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"


class Command(BaseCommand):
    help = "Bring a backup back into an empty archive, then check every file and the audit trail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="what `backup` wrote to")
        parser.add_argument("--snapshot", default="", metavar="NAME", help="the newest, if none")
        parser.add_argument("--list", action="store_true", help="only say which there are")
        parser.add_argument(
            "--check", action="store_true", help="only read the backup again, and change nothing"
        )
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        folder = BackupFolder(options["folder"])
        disable = True if options["no_progress"] else None
        try:
            if options["list"]:
                self._list(folder)
                return
            snapshot = folder.find(options["snapshot"])
            with folder.read():
                if options["check"]:
                    self._check(folder, snapshot, disable=disable)
                else:
                    self._restore(folder, snapshot, disable=disable)
        except BackupError as error:
            raise CommandError(str(error)) from error
        except StorageError as error:
            raise CommandError(f"{error.message} Run the command again to go on.") from error
        except OSError as error:
            message = (
                f"{error.strerror or error} ({error.filename}). Run the command again to go on."
            )
            raise CommandError(message) from error

    def _list(self, folder: BackupFolder) -> None:
        for snapshot in folder.snapshots() or [folder.find()]:
            said = snapshot.manifest()
            self.stdout.write(
                f"{snapshot.name}: {said.studies} studies, {said.instances} instances,"
                f" {said.blobs} files, release {said.release}"
            )

    def _check(self, folder: BackupFolder, snapshot: Snapshot, *, disable: bool | None) -> None:
        said = snapshot.manifest()
        files = said.blobs - len(said.absent) if said.with_files else 0
        total = files + len(said.models)
        bad = []
        for found in tqdm(
            check_snapshot(folder, snapshot), total=total, unit=" files", disable=disable
        ):
            if found:
                bad.append(found)
                tqdm.write(f"damaged or gone: {found}", file=self.stdout)
        if bad:
            message = f"{snapshot.name} is not whole: {len(bad)} of its files are damaged or gone."
            raise CommandError(message)
        self.stdout.write(f"{snapshot.name} is whole: {total} files were read.")
        if said.lacking:
            self.stdout.write(
                f"{len(said.lacking)} files are not in it: the archive had lost them before."
            )

    def _restore(self, folder: BackupFolder, snapshot: Snapshot, *, disable: bool | None) -> None:
        said = snapshot.manifest()
        start = time.monotonic()
        with tqdm(
            total=said.blobs if said.with_files else 0, unit=" files", disable=disable
        ) as bar:
            restored = restore(folder, snapshot, on_blob=bar.update)
        # In processes of their own: this one has begun with another secret key.
        if is_behind() and not self._manage("migrate", "--no-input", "--verbosity=0"):
            raise CommandError("All is back, but migrating failed: run this command again.")
        given_up = finish(said)
        record_restore(
            Asker(door="command", name="restore"), folder=str(folder.root), snapshot=snapshot.name
        )
        is_sealed = self._manage("audit_verify", *(["--contains", said.seal] if said.seal else []))
        before = last_verification()
        is_whole = self._manage("verify_archive", "--no-progress") or (
            last_verification() != before and is_whole_but_for_purged(said)
        )
        close()
        took = timedelta(seconds=round(time.monotonic() - start))
        self.stdout.write(
            f"{snapshot.name} is back after {took}: {said.studies} studies, {said.instances}"
            f" instances, {said.blobs} files, {restored.models} files of models."
        )
        if said.purged:
            self.stdout.write(
                f"{len(said.purged)} files were purged while the backup was made: their rows go"
                " with the archive's next round of purging."
            )
        if given_up:
            self.stdout.write(
                f"{given_up} unfinished uploads were given up: a backup has what was stored."
            )
        for name in restored.bad_models:
            self.stdout.write(f"not in the backup any more, or damaged: model file {name}")
        if not restored.secrets:
            self.stdout.write("It came without secrets: put them there before you start it.")
        if not (is_sealed and is_whole) or restored.bad_models:
            message = (
                f"Not all of it is whole, as said above; {len(said.lacking)} files were lost when"
                f" the backup was made, {len(restored.bad_models)} files of models since."
            )
            raise CommandError(message)

    def _manage(self, *words: str) -> bool:
        self.stdout.flush()
        done = subprocess.run([sys.executable, str(MANAGE), *words], check=False)  # noqa: S603
        return done.returncode == 0

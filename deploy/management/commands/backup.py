import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from tqdm import tqdm

from archive.errors import StorageError
from deploy.backups.errors import BackupError
from deploy.backups.layout import BackupFolder
from deploy.backups.making import Made, make_backup
from deploy.supervisor.home import Home


class Command(BaseCommand):
    help = (
        "Copy the whole archive to a folder outside of it, while it runs: database, stored files,"
        " models, secrets. The next time only what is new is copied. `restore` is the way back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="made where missing; best on another disk")
        parser.add_argument(
            "--keep",
            type=int,
            default=0,
            metavar="N",
            help="keep so many snapshots, and remove older ones once this one is whole",
        )
        parser.add_argument(
            "--without-files",
            action="store_true",
            help="leave stored files out: the bucket where they lie has copies of its own",
        )
        parser.add_argument(
            "--without-secrets", action="store_true", help="leave them out: keep them elsewhere"
        )
        parser.add_argument(
            "--read-again",
            action="store_true",
            help="also read what lies there already, and copy anew what is damaged",
        )
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["keep"] < 0:
            raise CommandError("--keep takes a number of snapshots, one or more.")
        disable = True if options["no_progress"] else None
        try:
            with tqdm(unit=" files", disable=disable) as bar:
                made = make_backup(
                    BackupFolder(options["folder"]),
                    keep=options["keep"],
                    with_files=not options["without_files"],
                    with_secrets=not options["without_secrets"],
                    reads_again=options["read_again"],
                    on_blob=bar.update,
                )
        except BackupError as error:
            raise CommandError(str(error)) from error
        except StorageError as error:
            message = (
                f"{error.message} No backup was made; what was copied stays for the next time."
                f" Free: {_free(options['folder'])} where backups lie, {_free(Home.locate().root)}"
                " where the archive does."
            )
            raise CommandError(message) from error
        except OSError as error:
            message = f"No backup was made: {error.strerror or error} ({error.filename})."
            raise CommandError(message) from error
        self._say(made)

    def _say(self, made: Made) -> None:
        said = made.manifest
        size = filesizeformat(said.blob_bytes).replace("\xa0", " ")
        self.stdout.write(
            f"{made.snapshot.name}: {said.studies} studies, {said.instances} instances,"
            f" {said.blobs} files ({size}), {made.copied} of them new here."
        )
        if not said.with_files:
            self.stdout.write("Without files: the bucket's own copy is to be taken after this.")
        if said.purged:
            self.stdout.write(f"{len(said.purged)} files were purged while this ran.")
        for name in made.dropped:
            self.stdout.write(f"{name} was removed.")
        if "secrets/DJANGO_SECRET_KEY" not in said.files:
            self.stdout.write("Without secrets: keep DJANGO_SECRET_KEY and its like elsewhere.")
        if said.lacking:
            for sha256 in said.lacking[:20]:
                self.stdout.write(f"not in the archive any more, or damaged: {sha256}")
            message = (
                f"The backup is made, but the archive has lost {len(said.lacking)} files:"
                " see verify_archive."
            )
            raise CommandError(message)


def _free(folder: Path) -> str:
    try:
        return filesizeformat(shutil.disk_usage(folder).free).replace("\xa0", " ")
    except OSError:
        return "unknown"

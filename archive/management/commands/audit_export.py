from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.audit.exporting import check_files, export_months
from archive.errors import ArchiveError


class Command(BaseCommand):
    help = (
        "Write whole months of the audit trail as files, one a month, for a store that keeps them"
        " for good; --check computes files anew, without the database's word."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where the files are")
        parser.add_argument("--check", action="store_true", help="check the files that are there")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["check"]:
            self._check(options["folder"])
            return
        try:
            written = export_months(options["folder"])
        except ArchiveError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            message = f"{options['folder']} can't be written: {error.strerror}."
            raise CommandError(message) from error
        for month in written:
            self.stdout.write(f"{month.path.name}: {month.records} records, {month.blocks} blocks.")
        self.stdout.write(f"{len(written)} new files. The running month follows when it is over.")

    def _check(self, folder: Path) -> None:
        found, flaws = check_files(folder)
        for month in found:
            self.stdout.write(f"{month.path.name}: {month.records} records, {month.last_sha256}")
        for flaw in flaws:
            self.stdout.write(flaw)
        if flaws or not found:
            message = "The files are not what was sealed." if flaws else "There are no files."
            raise CommandError(message)

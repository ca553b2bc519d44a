from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from archive.access.projects import find_project
from archive.errors import ArchiveError
from archive.ingest.imports import ImportedBatch, find_files, import_files
from archive.ingest.types import Origin, Outcome


class Command(BaseCommand):
    help = "Import DICOM files, folders and ZIPs; run again, it skips what is archived."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--project", help="what is imported goes there; else to Unassigned")
        parser.add_argument("--jobs", type=int, default=2, help="files at once (2)")
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["jobs"] < 1:
            message = "--jobs must be 1 or more."
            raise CommandError(message)
        try:
            project = find_project(options["project"]) if options["project"] else None
            files = find_files(options["paths"])
        except ArchiveError as error:
            raise CommandError(error.message) from error
        origin = Origin(door="import", source="import_dicom", project=project, is_trusted=True)
        outcomes: Counter[Outcome] = Counter()
        # Shown on a terminal only: None lets tqdm ask.
        disable = True if options["no_progress"] else None
        with tqdm(total=len(files), unit=" files", disable=disable) as bar:
            for batch in import_files(files, origin=origin, jobs=options["jobs"]):
                self._report(batch, outcomes)
                bar.update(len(batch.files))
        self._sum_up(len(files), outcomes)

    def _report(self, batch: ImportedBatch, outcomes: Counter[Outcome]) -> None:
        for result in batch.results:
            outcomes[result.outcome] += 1
            if result.error is not None:
                line = f"{result.outcome.value}: {result.name}: {result.error.message}"
                tqdm.write(f"{line} [{result.error.code}]", file=self.stderr)

    def _sum_up(self, files: int, outcomes: Counter[Outcome]) -> None:
        counts = ", ".join(f"{outcomes[outcome]} {outcome.value}" for outcome in Outcome)
        self.stdout.write(f"{files} files: {counts}.")
        if outcomes[Outcome.FAILED]:
            message = f"{outcomes[Outcome.FAILED]} files failed; run the same command again."
            raise CommandError(message)

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from archive.access.projects import find_project
from archive.audit.types import Asker
from archive.errors import ArchiveError
from archive.retrieve.exports import export_study, find_studies


class Command(BaseCommand):
    help = "Export studies as DICOM files into a folder; run again, it goes on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("uid", nargs="*", help="Study Instance UIDs; all studies if none")
        parser.add_argument("--project", help="all studies of this project")
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        asker = Asker(door="command", name="export_dicom")
        new = known = missing = 0
        try:
            project = find_project(options["project"]) if options["project"] else None
            studies = find_studies(uids=options["uid"], project=project)
            # Shown on a terminal only: None lets tqdm ask.
            disable = True if options["no_progress"] else None
            for uid in tqdm(studies, unit=" studies", disable=disable):
                for exported in export_study(asker=asker, study_uid=uid, folder=options["folder"]):
                    new += exported.is_new and not exported.is_missing
                    known += not exported.is_new
                    missing += exported.is_missing
        except ArchiveError as error:
            raise CommandError(error.message) from error
        counts = f"{new} files written, {known} there already, {missing} missing"
        self.stdout.write(f"{len(studies)} studies: {counts}.")
        if missing:
            message = f"The archive has lost the bytes of {missing} instances: see verify_archive."
            raise CommandError(message)

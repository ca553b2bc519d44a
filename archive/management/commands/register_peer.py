from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.access.projects import find_project
from archive.access.services import register_peer
from archive.errors import ArchiveError


class Command(BaseCommand):
    help = "Let a DICOM application entity store here: its AE title and the address it calls from."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ae_title")
        parser.add_argument("address", help="IP address that it calls from")
        parser.add_argument("--port", type=int, help="where it listens itself")
        parser.add_argument("--project", help="what it stores goes there; else to Unassigned")
        parser.add_argument("--description", default="")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            project = find_project(options["project"]) if options["project"] else None
            register_peer(
                ae_title=options["ae_title"],
                address=options["address"],
                port=options["port"],
                project=project,
                description=options["description"],
            )
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{options['ae_title']} may call from {options['address']}.")

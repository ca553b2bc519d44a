from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.access.database_role import restrict_role
from archive.errors import InvalidRequestError


class Command(BaseCommand):
    help = (
        "Give a database role what the web's processes need and no more: rows, no tables; the"
        " audit trail to read and add to. Run as the owner of the tables, after each migration."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", nargs="?", default="twinsight_app")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            restrict_role(options["role"])
        except InvalidRequestError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"The role {options['role']} has what it needs, and no more.")

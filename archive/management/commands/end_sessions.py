from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.accounts.rescue import end_sessions_from_here
from archive.audit.types import Asker
from archive.errors import ArchiveError


class Command(BaseCommand):
    help = "End the sessions of an account, or of everybody at once, on record. Tokens go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("user", nargs="?", default="", help="name of an account")
        whose.add_argument("--all", action="store_true", help="of all accounts, and of visitors")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            ended = end_sessions_from_here(
                asker=Asker(door="command", name="end_sessions"),
                username="" if options["all"] else options["user"],
            )
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Sessions ended: {ended}.")

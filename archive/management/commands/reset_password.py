from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.accounts.rescue import rescue_account
from archive.audit.types import Asker
from archive.errors import ArchiveError


class Command(BaseCommand):
    help = (
        "Give an account a one-time password, printed alone on the last line and kept nowhere; "
        "its sessions end, and the next sign-in asks for another password."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "user", nargs="?", default="", help="the first user administrator where none is named"
        )
        parser.add_argument(
            "--without-second-steps",
            action="store_true",
            help="remove its authenticator app, keys and recovery codes, too",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            username, password = rescue_account(
                asker=Asker(door="command", name="reset_password"),
                username=options["user"],
                without_second_steps=options["without_second_steps"],
            )
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{username}, for the next sign-in only:")
        self.stdout.write(password)

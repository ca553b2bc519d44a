from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.audit.types import Asker
from archive.errors import ArchiveError
from archive.research.rotation import forget_old_keys, rotate_key


class Command(BaseCommand):
    help = (
        "Seal the table of pseudonyms under a new key. Where TWINSIGHT_PSEUDONYM_KEY names the "
        "keys, put the new one in front of the old, run this, then take the old one out; else "
        "the key is made here, and --forget drops the old ones afterwards."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--forget",
            action="store_true",
            help="drop keys that nothing is sealed under any more; make no new one",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        asker = Asker(door="command", name="rotate_pseudonym_key")
        try:
            rows = rotate_key(asker=asker, has_new_key=not options["forget"])
            if options["forget"]:
                forget_old_keys()
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{rows} rows were sealed anew.")

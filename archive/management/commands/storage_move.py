from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from archive.errors import InvalidRequestError, StorageError
from archive.ingest.moving import Move, Moved, mover_to

_BAD = (Move.DAMAGED, Move.UNEQUAL, Move.LAST)


class Command(BaseCommand):
    help = (
        "Copy every stored file to another place, by its hash; run again, it goes on. "
        "TWINSIGHT_STORAGE_URL is changed by hand afterwards."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", required=True, metavar="URL", help="file:///… or s3://…")
        parser.add_argument(
            "--read-again", action="store_true", help="compare with the hash what lies there"
        )
        parser.add_argument(
            "--delete-extra",
            action="store_true",
            help="delete there what is here no more: it was purged since it was copied",
        )
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        moves: Counter[Move] = Counter()
        disable = True if options["no_progress"] else None
        try:
            mover = mover_to(options["to"], reads_again=options["read_again"])
            with tqdm(unit=" files", disable=disable) as bar:
                for moved in mover.copy():
                    self._note(moved, moves)
                    bar.update()
                for moved in mover.extras(deletes=options["delete_extra"]):
                    self._note(moved, moves)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        except InvalidRequestError as error:
            raise CommandError(error.message) from error
        except StorageError as error:
            message = f"{error.message} What was copied stays; run the command again to go on."
            raise CommandError(message) from error
        counts = ", ".join(f"{moves[move]} {move.value}" for move in Move if moves[move])
        self.stdout.write(f"{sum(moves.values())} files: {counts or 'none'}.")
        if any(moves[move] for move in _BAD):
            message = "Not everything is whole: see the lines above, and verify_archive."
            raise CommandError(message)

    def _note(self, moved: Moved, moves: Counter[Move]) -> None:
        moves[moved.move] += 1
        if moved.move in _BAD:
            tqdm.write(f"{moved.move.value}: {moved.sha256}", file=self.stdout)

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from archive.errors import ArchiveError
from inference.runs.operations import (
    embedding_version,
    find_series,
    queue_model,
    run_here,
    series_without,
)


class Command(BaseCommand):
    help = "Embed what has no vector yet in a space; run again, it goes on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid", nargs="*", help="Study or Series Instance UIDs; all if none")
        parser.add_argument("--space", default="", help="embedding space; else the default one")
        parser.add_argument(
            "--now", action="store_true", help="here and now, instead of by the workers"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            version = embedding_version(options["space"])
            series = find_series(options["uid"]) if options["uid"] else series_without(version)
            runs = queue_model(version, series)
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{len(runs)} series queued for {version}.")
        if options["now"]:
            # Shown on a terminal only.
            done = tqdm(run_here(runs), total=len(runs), unit=" series", disable=None)
            states = Counter(run.state for run in done)
            self.stdout.write(", ".join(f"{count} {state}" for state, count in states.items()))

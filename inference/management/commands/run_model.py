from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.errors import ArchiveError
from inference.runs.operations import find_series, queue_model, run_here
from inference.runs.selectors import find_version


class Command(BaseCommand):
    help = "Run a model on series, whatever the routing rules say."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="name, or name:version")
        parser.add_argument("uid", nargs="+", help="Study or Series Instance UIDs")
        parser.add_argument(
            "--now", action="store_true", help="here and now, instead of by the workers"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            version = find_version(options["model"])
            runs = queue_model(version, find_series(options["uid"]))
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{len(runs)} runs of {version} queued.")
        if options["now"]:
            for run in run_here(runs):
                self.stdout.write(
                    f"{run.state}: {run.series.series_instance_uid}: {run.message or 'done'}"
                )

from argparse import ArgumentParser
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from deploy.demo.loading import load_demo


class Command(BaseCommand):
    help = "Store the demonstration studies (made on the fly) through the ordinary ingest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=int, help="make at most so many studies")

    def handle(self, *_args: Any, **options: Any) -> None:
        start = monotonic()
        loaded = load_demo(report=self._report, limit=options["limit"])
        for refusal in loaded.refusals[:5]:
            self.stderr.write(f"refused: {refusal}")
        if loaded.outcomes["failed"]:
            message = "The archive could not store every demonstration study; try again."
            raise CommandError(message)
        if not loaded.outcomes:
            self._report(f"demonstration is complete: {loaded.skipped} studies already here")
            return
        stored = loaded.outcomes["stored"]
        self._report(
            f"{loaded.studies} demonstration studies loaded, {loaded.skipped} were here: "
            f"{stored} instances, {loaded.labels} labels in {monotonic() - start:.0f} s"
        )

    def _report(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

from argparse import ArgumentParser
from collections import Counter
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from archive.audit.types import Asker
from archive.errors import ArchiveError
from inference.runs.operations import (
    embedding_version,
    fill_here,
    fill_in_background,
    find_series,
    queue_model,
    run_here,
    series_without,
    spaces_to_fill,
)

if TYPE_CHECKING:
    from inference.models import EmbeddingSpace
    from inference.similarity.spaces.backfill import FillProgress


class Command(BaseCommand):
    help = (
        "Embed what has no vector yet in a space; run again, it goes on. A space that is not ready"
        " is filled by the workers beside everything else, or with --now here, at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid", nargs="*", help="Study or Series Instance UIDs; all if none")
        parser.add_argument("--space", default="", help="embedding space; else the default one")
        parser.add_argument("--all", action="store_true", help="every space that is not retired")
        parser.add_argument("--limit", type=int, help="so many series at most")
        parser.add_argument(
            "--now", action="store_true", help="here and now, instead of by the workers"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            if options["uid"]:
                version = embedding_version(options["space"])
                runs = queue_model(version, find_series(options["uid"]), limit=options["limit"])
                self._report_runs(str(version), runs, is_now=options["now"])
                return
            for space in spaces_to_fill(options["space"], every=options["all"]):
                act = self._embed_missing if space.state == "ready" else self._fill
                act(space, limit=options["limit"], is_now=options["now"])
        except ArchiveError as error:
            raise CommandError(error.message) from error

    def _embed_missing(self, space: "EmbeddingSpace", *, limit: int | None, is_now: bool) -> None:
        version = space.model_version
        runs = queue_model(version, series_without(version), limit=limit)
        self._report_runs(str(version), runs, is_now=is_now)

    def _report_runs(self, version: str, runs: list[int], *, is_now: bool) -> None:
        self.stdout.write(f"{len(runs)} series queued for {version}.")
        if is_now:
            # Shown on a terminal only.
            done = tqdm(run_here(runs), total=len(runs), unit=" series", disable=None)
            states = Counter(run.state for run in done)
            self.stdout.write(", ".join(f"{count} {state}" for state, count in states.items()))

    def _fill(self, space: "EmbeddingSpace", *, limit: int | None, is_now: bool) -> None:
        asker = Asker(door="command", name="embed")
        if not is_now:
            if limit is not None:
                raise CommandError("--limit goes with --now: workers fill a space to its end.")
            self.stdout.write(_line(space.name, fill_in_background(asker, space)))
            return
        progress = None
        with tqdm(unit=" images", disable=None, desc=space.name) as bar:
            for progress in fill_here(asker, space, limit=limit):
                bar.total = progress.images
                bar.update(progress.images_done - bar.n)
        self.stdout.write(_line(space.name, progress))


def _line(space: str, progress: "FillProgress | None") -> str:
    if progress is None:
        return f"{space}: nothing to fill."
    parts = [
        f"{space}: {progress.state}, {progress.series_done} of {progress.series} series",
        f"{progress.images_done} of {progress.images} images ({progress.percent} %)",
    ]
    if progress.images_per_minute:
        parts.append(f"{progress.images_per_minute:.0f} images a minute")
    if progress.seconds_left is not None:
        parts.append(f"about {max(1, progress.seconds_left // 60)} min left")
    return ", ".join(parts) + "."

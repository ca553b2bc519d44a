from argparse import ArgumentParser
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.audit.types import Asker
from archive.errors import ArchiveError
from inference.training.label_files import read_labels
from inference.training.labelling import MAX_LABELS, import_labels
from inference.training.report_labels import label_from_reports, read_terms


class Command(BaseCommand):
    help = (
        "Import labels from a CSV file: study, series or instance UID, label set, label; where"
        " wanted frame, region (x y width height) and reader (an account's name). With"
        " --from-reports, label studies by what their reports say: the file's columns are then"
        " label and term."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("csv", type=Path)
        parser.add_argument(
            "--from-reports",
            metavar="LABEL_SET",
            default="",
            help="label studies in this set by the terms of the file that their reports state",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        asker = Asker(door="command", name="import_labels")
        if options["from_reports"]:
            self._label_from_reports(asker, options["csv"], options["from_reports"])
        else:
            self._import(asker, options)

    def _label_from_reports(self, asker: Asker, path: Path, label_set: str) -> None:
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                terms = read_terms(file)
            counts = label_from_reports(asker=asker, label_set=label_set, terms=terms)
        except (OSError, UnicodeDecodeError) as error:
            message = f"{path} can't be read as UTF-8."
            raise CommandError(message) from error
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{counts.created} labels new, {counts.existing} known, from reports.")

    def _import(self, asker: Asker, options: dict[str, Any]) -> None:
        created = existing = 0
        unknown: list[int] = []
        try:
            with options["csv"].open(encoding="utf-8-sig", newline="") as file:
                labels = read_labels(file)
                start = 0
                while batch := list(islice(labels, MAX_LABELS)):
                    counts = import_labels(asker=asker, labels=batch)
                    created += counts.created
                    existing += counts.existing
                    unknown += [start + number for number in counts.unknown]
                    start += len(batch)
        except OSError as error:
            message = f"{options['csv']} can't be read: {error.strerror}."
            raise CommandError(message) from error
        except UnicodeDecodeError as error:
            message = f"{options['csv']} is not UTF-8."
            raise CommandError(message) from error
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{created} labels new, {existing} known, {len(unknown)} of no object.")
        if unknown:
            shown = ", ".join(str(number) for number in unknown[:10])
            message = f"No study, series or instance for rows {shown}{'…' if unknown[10:] else ''}."
            raise CommandError(message)

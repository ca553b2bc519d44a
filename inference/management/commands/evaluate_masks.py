from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.errors import ArchiveError


class Command(BaseCommand):
    help = "Compare two stored segmentations: Dice, Hausdorff distance and volume of each segment."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("judged", help="SOP Instance UID of the SEG that is judged")
        parser.add_argument("truth", help="SOP Instance UID of the SEG that counts as right")

    def handle(self, *_args: Any, judged: str, truth: str, **_options: Any) -> None:
        from inference.training.masks import compare_stored  # noqa: PLC0415 it imports MONAI

        try:
            rows = compare_stored(judged, truth)
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write("structure                    Dice   HD mm  HD95 mm      mL   truth mL")
        for row in rows:
            distances = [
                "      -" if value is None else f"{value:7.2f}"
                for value in (row.hausdorff_mm, row.hausdorff_95_mm)
            ]
            self.stdout.write(
                f"{row.label:26.26s} {row.dice:6.3f} {distances[0]}  {distances[1]}"
                f" {row.volume_ml:9.2f}  {row.truth_ml:9.2f}"
            )

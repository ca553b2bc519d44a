from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from archive.ingest.verification import Verdict, VerificationNotes, blob_count, verify_blobs


class Command(BaseCommand):
    help = "Check every stored file against its hash and its row, both ways."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        verdicts: Counter[Verdict] = Counter()
        notes = VerificationNotes()
        disable = True if options["no_progress"] else None
        with tqdm(total=blob_count(), unit=" files", disable=disable) as bar:
            for checked in verify_blobs():
                verdicts[checked.verdict] += 1
                notes.note(checked)
                if checked.verdict is not Verdict.GOOD:
                    tqdm.write(f"{checked.verdict.value}: {checked.sha256}", file=self.stdout)
                bar.update()
        notes.close()
        counts = ", ".join(f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict)
        self.stdout.write(f"{sum(verdicts.values())} files: {counts}.")
        if sum(verdicts.values()) > verdicts[Verdict.GOOD]:
            message = "The archive is not whole."
            raise CommandError(message)

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.audit.chain import verify_chain


class Command(BaseCommand):
    help = (
        "Check the audit trail against its chain of seals: names the records that were changed,"
        " removed or added. The last seal's digest, kept elsewhere, shows whether the end is there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--contains", help="digest of a seal that must be in the chain")

    def handle(self, *_args: Any, **options: Any) -> None:
        verdict = verify_chain(contains=options["contains"] or "")
        for flaw in verdict.flaws:
            record = f", record {flaw.record}" if flaw.record is not None else ""
            self.stdout.write(f"Seal {flaw.seal}{record}: {flaw.what}.")
        self.stdout.write(
            f"{verdict.seals} seals over {verdict.records} records; {verdict.unsealed} not sealed"
            f" yet. Last seal: {verdict.last_sha256 or 'none'}"
        )
        if verdict.flaws:
            message = "The audit trail is not what was sealed."
            raise CommandError(message)

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from deploy.conformance.writing import conformance_statement


class Command(BaseCommand):
    help = "Write the DICOM conformance statement (docs/conformance.md) from the code."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        default = Path(settings.BASE_DIR) / "docs" / "conformance.md"
        parser.add_argument("--to", type=Path, default=default, help="where to")
        parser.add_argument("--check", action="store_true", help="fail where it is stale")

    def handle(self, *_args: Any, **options: Any) -> None:
        target: Path = options["to"]
        text = conformance_statement()
        if options["check"]:
            if not target.exists() or target.read_text("utf-8") != text:
                raise CommandError(f"{target} is stale: run `manage.py conformance`.")
            return
        target.write_text(text, "utf-8")
        self.stdout.write(f"{target} written.")

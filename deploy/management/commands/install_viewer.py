import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from deploy.viewer.fetching import check_integrity, fetch_package, find_npm
from deploy.viewer.release import PACKAGE, VERSION, ViewerInstallError
from deploy.viewer.staging import remove_viewer, stage_package

PREFIX = "/viewer/"


class Command(BaseCommand):
    help = f"Install the OHIF viewer ({PACKAGE} {VERSION}) under {PREFIX}, from npm or a file."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from", dest="package", type=Path, help="the package's file, fetched elsewhere"
        )
        parser.add_argument(
            "--remove", action="store_true", help="remove the viewer; the built-in one serves"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        target: Path = settings.TWINSIGHT_VIEWER_DIR
        try:
            if options["remove"]:
                was_there = remove_viewer(target)
                self.stdout.write("The viewer is removed." if was_there else "There is no viewer.")
                return
            self._install(options["package"], target)
        except ViewerInstallError as error:
            raise CommandError(str(error)) from error

    def _install(self, package: Path | None, target: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            if package is None:
                self.stdout.write(f"Fetching {PACKAGE} {VERSION} by npm (48 MB) ...")
                self.stdout.flush()
                package = fetch_package(Path(folder), npm=find_npm())
            check_integrity(package)
            staged = stage_package(package, target, prefix=PREFIX)
        self.stdout.write(
            f"OHIF {VERSION} is installed in {staged.folder}: {staged.files} files, "
            f"{staged.raw_bytes / 1e6:.1f} MB, {staged.sent_bytes / 1e6:.1f} MB as sent. "
            f"It is served under {PREFIX}."
        )

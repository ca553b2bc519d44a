"""Run the DICOM listener until it is told to stop."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from archive.dimse.listener import Listener
from archive.errors import ArchiveError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from types import FrameType


class Command(BaseCommand):
    help = "Accept DICOM associations (store, query, retrieve) from registered peers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Let the settings be overruled."""
        parser.add_argument("--bind", default=settings.TWINSIGHT_BIND)
        parser.add_argument("--port", type=int, default=settings.TWINSIGHT_DICOM_PORT)
        parser.add_argument(
            "--tls-port",
            type=int,
            default=settings.TWINSIGHT_DICOM_TLS_PORT,
            help="second port, with TLS; 0 for none",
        )
        parser.add_argument("--ae-title", default=settings.TWINSIGHT_AE_TITLE)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Listen until SIGTERM or SIGINT."""
        stop = threading.Event()

        def handle_signal(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle_signal)
        bind, port, ae_title = options["bind"], options["port"], options["ae_title"]
        try:
            listener = Listener(
                ae_title=ae_title,
                bind=bind,
                port=port,
                secure_port=options["tls_port"] or None,
            )
        except ArchiveError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            # Python adds the address to its own text; the sentence has it already.
            reason = os.strerror(error.errno) if error.errno else str(error)
            ports = f"port {port}"
            if options["tls_port"]:
                ports += f" and {options['tls_port']}"
            message = f"Can't listen on {bind} {ports}: {reason}."
            raise CommandError(message) from error
        with listener:
            self.stdout.write(f"DICOM: {ae_title} listens on {bind} port {listener.port}.")
            if listener.secure_port:
                self.stdout.write(f"DICOM over TLS: on port {listener.secure_port}.")
            stop.wait()

"""Run the HL7 listener until it is told to stop."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from archive.errors import ArchiveError
from archive.hl7.serving import site_listener

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from types import FrameType


class Command(BaseCommand):
    help = "Take in HL7 v2 messages (ADT, ORM, OMI) by MLLP from admitted senders."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Let the settings be overruled."""
        parser.add_argument("--bind", default=settings.TWINSIGHT_BIND)
        parser.add_argument("--port", type=int, default=settings.TWINSIGHT_HL7_PORT)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Listen until SIGTERM or SIGINT."""
        stop = threading.Event()

        def handle_signal(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle_signal)
        bind, port = options["bind"], options["port"]
        try:
            listener = site_listener(bind, port)
        except ArchiveError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            message = f"Can't listen on {bind} port {port}: {reason}."
            raise CommandError(message) from error
        with listener:
            self.stdout.write(f"HL7: MLLP on {bind} port {listener.port}.")
            stop.wait()

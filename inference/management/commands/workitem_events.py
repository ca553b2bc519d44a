"""Serve the worklist's WebSockets until told to stop."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference.api.event_channel import EventChannel

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from types import FrameType


class Command(BaseCommand):
    help = "Tell subscribers of the worklist by WebSocket (PS3.18 8.10)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Let the settings be overruled."""
        parser.add_argument("--bind", default=settings.TWINSIGHT_BIND)
        parser.add_argument("--port", type=int, default=settings.TWINSIGHT_EVENTS_PORT)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        stop = threading.Event()

        def handle_signal(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle_signal)
        bind, port = options["bind"], options["port"]
        try:
            channel = EventChannel(bind, port)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            message = f"Can't listen on {bind} port {port}: {reason}."
            raise CommandError(message) from error
        with channel:
            self.stdout.write(f"Events of the worklist: WebSockets on {bind} port {channel.port}.")
            stop.wait()

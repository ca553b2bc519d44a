from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from deploy.settings.environment import read_int, read_list, read_text
from deploy.supervisor.home import Home
from deploy.supervisor.preflight import MEBIBYTE
from deploy.supervisor.program import Program, UpOptions
from deploy.supervisor.terminal import Terminal


class Command(BaseCommand):
    help = "Run the whole of Twinsight in this terminal, until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="load the demonstration studies")
        parser.add_argument(
            "--no-worker",
            action="store_true",
            help="serve only; Celery workers and beat run elsewhere",
        )
        parser.add_argument("--port", type=int, help="port of the portal (TWINSIGHT_HTTP_PORT)")

    def handle(self, *_args: Any, **options: Any) -> None:
        port = options["port"]
        wanted = UpOptions(
            home=Home(settings.TWINSIGHT_HOME),
            bind=settings.TWINSIGHT_BIND,
            http_port=settings.TWINSIGHT_HTTP_PORT if port is None else port,
            dicom_port=settings.TWINSIGHT_DICOM_PORT,
            dicom_tls_port=settings.TWINSIGHT_DICOM_TLS_PORT,
            events_port=settings.TWINSIGHT_EVENTS_PORT,
            hl7_port=settings.TWINSIGHT_HL7_PORT,
            ae_title=settings.TWINSIGHT_AE_TITLE,
            min_free_bytes=read_int("TWINSIGHT_MIN_FREE_MB", 1024) * MEBIBYTE,
            with_demo=options["demo"],
            with_workers=not options["no_worker"],
            gpus=read_text("TWINSIGHT_GPUS"),
            cpu_queues=tuple(read_list("TWINSIGHT_CPU_QUEUES", [])),
            database_url=read_text("DATABASE_URL"),
            redis_url=read_text("REDIS_URL"),
        )
        Program(wanted, Terminal()).run()

"""`manage.py up` from the first check to the last goodbye."""

import contextlib
import http.client
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import connections

from deploy.supervisor.demo_load import DemoLoad
from deploy.supervisor.endpoints import Endpoints
from deploy.supervisor.errors import SupervisorError
from deploy.supervisor.gpus import find_gpus
from deploy.supervisor.home import Home
from deploy.supervisor.interrupts import StopRequested, StopWish
from deploy.supervisor.preflight import PortWish, check_disk, check_port
from deploy.supervisor.preparation import (
    collect_static_if_needed,
    empty_metrics,
    first_admin_password,
    install_models_if_needed,
    migrate_if_needed,
)
from deploy.supervisor.processes import Supervisor
from deploy.supervisor.programs import ProgramOptions, program_specs
from deploy.supervisor.record import ProcessRecord
from deploy.supervisor.services import ServiceGroup, held_home, running_services
from deploy.supervisor.terminal import Terminal

WEB_READY_S = 120.0


@dataclass(frozen=True)
class UpOptions:
    """What `manage.py up` was asked for."""

    home: Home
    bind: str
    http_port: int
    dicom_port: int
    ae_title: str
    min_free_bytes: int
    with_demo: bool = False
    with_workers: bool = True
    # Numbers of the GPUs to work on; empty: all of them.
    gpus: str = ""
    cpu_queues: tuple[str, ...] = ()
    # Empty: the embedded service.
    database_url: str = ""
    redis_url: str = ""
    # DICOM over TLS; 0 for none.
    dicom_tls_port: int = 0
    # WebSockets of the worklist; 0 for none.
    events_port: int = 0
    # HL7 by MLLP; 0 for none.
    hl7_port: int = 0

    @property
    def host(self) -> str:
        """Where this machine itself reaches the program."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)  # noqa: S104 compared

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.http_port}"

    @property
    def endpoints(self) -> Endpoints:
        embedded = self.home.embedded_endpoints()
        return Endpoints(
            database_url=self.database_url or embedded.database_url,
            redis_url=self.redis_url or embedded.redis_url,
        )

    def child_variables(self) -> dict[str, str]:
        """Say to every process what this start decided."""
        return {
            **self.endpoints.as_environment(),
            "TWINSIGHT_HOME": str(self.home.root),
            "TWINSIGHT_HTTP_PORT": str(self.http_port),
        }


@dataclass
class Program:
    """Everything that runs for one home, in one terminal."""

    options: UpOptions
    terminal: Terminal
    wish: StopWish = field(default_factory=StopWish)

    def run(self) -> None:
        """Start, serve, and stop when asked; SupervisorError where it can't start."""
        os.umask(0o077)
        with self.wish.listening():
            try:
                with held_home(self.options.home):
                    self._run_held()
            except StopRequested:
                pass
        self.terminal.say("Stopped. Your data are kept; the next start resumes with them.")

    def _run_held(self) -> None:
        self._check()
        self.terminal.title("Twinsight", str(self.options.home.root))
        record = ProcessRecord(self.options.home.processes_file)
        group = ServiceGroup(
            self.options.home,
            with_postgres=not self.options.database_url,
            with_valkey=not self.options.redis_url,
            record=record,
        )
        with contextlib.ExitStack() as stack:
            with self.wish.breaking():
                self.terminal.working("services", "starting PostgreSQL and Valkey")
                stack.enter_context(running_services(group, self.options.endpoints))
                self.terminal.done("services", "PostgreSQL and Valkey")
                self._prepare()
            supervisor = stack.enter_context(self._programs(group, record))
            demo = stack.enter_context(self._demo_load(record))
            self.terminal.working("processes", "starting")
            self._await_web(supervisor)
            self._greet()
            if self.options.with_demo and not self.wish.is_made:
                demo.start()
            supervisor.watch(self.wish, demo.tick)
            self.terminal.say()
            self.terminal.say("Stopping ...")

    def _check(self) -> None:
        options = self.options
        check_disk(options.home.root, min_free_bytes=options.min_free_bytes)
        check_port(PortWish("web", options.bind, options.http_port, "TWINSIGHT_HTTP_PORT"))
        check_port(PortWish("DICOM", options.bind, options.dicom_port, "TWINSIGHT_DICOM_PORT"))
        if options.dicom_tls_port:
            variable = "TWINSIGHT_DICOM_TLS_PORT"
            check_port(PortWish("DICOM TLS", options.bind, options.dicom_tls_port, variable))
        if options.events_port:
            variable = "TWINSIGHT_EVENTS_PORT"
            check_port(PortWish("events", options.bind, options.events_port, variable))
        if options.hl7_port:
            check_port(PortWish("HL7", options.bind, options.hl7_port, "TWINSIGHT_HL7_PORT"))

    def _prepare(self) -> None:
        self.terminal.working("schema", "looking for migrations")
        applied = migrate_if_needed()
        self.terminal.done("schema", f"{applied} migrations applied" if applied else "up to date")
        self.terminal.working("static files", "collecting")
        collected = collect_static_if_needed()
        if collected:
            self.terminal.done("static files", f"{collected} collected")
        empty_metrics(self.options.home)
        password = first_admin_password(must_change=not self.options.with_demo)
        connections.close_all()  # the supervisor itself needs the database no more
        if password is not None:
            # At once: it is kept nowhere, and what comes next may fail.
            self.terminal.done("first user", "admin")
            self.terminal.field("password", password, "shown only this once")
        else:
            self.terminal.field("no password?", "manage.py reset_password", "prints another one")
        if self.options.with_workers:
            self.terminal.working("models", "installing, once")
            installed = install_models_if_needed(self.options.home, self.options.child_variables())
            if installed:
                self.terminal.done("models", f"{installed} installed")

    @contextlib.contextmanager
    def _programs(self, group: ServiceGroup, record: ProcessRecord) -> Iterator[Supervisor]:
        options = ProgramOptions(
            bind=self.options.bind,
            http_port=self.options.http_port,
            with_workers=self.options.with_workers,
            events_port=self.options.events_port,
            hl7_port=self.options.hl7_port,
            gpus=find_gpus(self.options.gpus) if self.options.with_workers else (),
            cpu_queues=self.options.cpu_queues,
            environ=self.options.child_variables(),
        )
        stages = program_specs(self.options.home, options)
        supervisor = Supervisor(group, stages, record, self.terminal.warn)
        try:
            supervisor.start()
            yield supervisor
        finally:
            supervisor.stop()
            empty_metrics(self.options.home)

    @contextlib.contextmanager
    def _demo_load(self, record: ProcessRecord) -> Iterator[DemoLoad]:
        options = self.options
        demo = DemoLoad(options.home, options.child_variables(), record, self.terminal)
        try:
            yield demo
        finally:
            demo.stop()

    def _await_web(self, supervisor: Supervisor) -> None:
        deadline = time.monotonic() + WEB_READY_S
        while not self.wish.is_made and not is_answering(self.options.host, self.options.http_port):
            if time.monotonic() > deadline:
                log_file = self.options.home.logs / "web.log"
                raise SupervisorError(
                    f"The web server did not answer in {WEB_READY_S:.0f} s; see {log_file}."
                )
            supervisor.tick(self.wish)
            self.wish.wait(0.1)

    def _greet(self) -> None:
        if self.wish.is_made:
            return
        options, terminal = self.options, self.terminal
        workers = "web, DICOM, workers, scheduler" if options.with_workers else "web, DICOM"
        terminal.done("processes", workers)
        terminal.say()
        terminal.field("portal", options.address)
        terminal.field("DICOM", f"{options.ae_title} on {options.host}:{options.dicom_port}")
        terminal.say()
        terminal.say("Ctrl-C stops everything.")
        terminal.say()


def is_answering(host: str, port: int) -> bool:
    """Tell whether a web server answers there; with what is not our question."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

"""PostgreSQL and Valkey for as long as somebody needs them."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.supervisor.child import Child
from deploy.supervisor.endpoints import Endpoints
from deploy.supervisor.home import Home, write_private_file
from deploy.supervisor.lock import HomeLock, is_locked
from deploy.supervisor.postgres import Postgres
from deploy.supervisor.record import ProcessRecord, await_leftovers
from deploy.supervisor.valkey import Valkey

Service = Postgres | Valkey


@dataclass
class ServiceGroup:
    """The embedded services of one home and their processes."""

    home: Home
    with_postgres: bool = True
    with_valkey: bool = True
    fast: bool = False
    record: ProcessRecord | None = None
    children: dict[str, Child] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # In this order they stop last to first: the database outlives what may still write to it.
        self.notes = self.record or ProcessRecord(self.home.processes_file)
        self.services: dict[str, Service] = {}
        if self.with_postgres:
            self.services["postgres"] = Postgres(self.home, fast=self.fast)
        if self.with_valkey:
            self.services["valkey"] = Valkey(self.home, fast=self.fast)

    def start(self) -> None:
        """Start all at once, then wait for each."""
        for name in self.services:
            self._spawn(name)
        for name, service in self.services.items():
            service.await_ready(self.children[name])

    def restart(self, name: str) -> None:
        """Bring one back after its death; the data come from its log."""
        self._spawn(name)
        self.services[name].await_ready(self.children[name])

    def stop(self) -> None:
        for name in reversed(self.services):
            child = self.children.pop(name, None)
            if child is not None:
                child.stop()
                self.notes.remove(name)

    def _spawn(self, name: str) -> None:
        service = self.services[name]
        service.prepare()
        self.children[name] = service.start()
        self.notes.add(name, self.children[name].pid)


@contextlib.contextmanager
def held_home(home: Home) -> Iterator[Home]:
    """Prepare a home, hold its lock, and wait for what a killed predecessor left running."""
    home.prepare()
    with HomeLock(home.lock_file):
        await_leftovers(home.processes_file)
        home.endpoints_file.unlink(missing_ok=True)
        try:
            yield home
        finally:
            home.guests_file.unlink(missing_ok=True)
            home.remove_socket_folders()


@contextlib.contextmanager
def running_services(
    group: ServiceGroup, endpoints: Endpoints | None = None
) -> Iterator[Endpoints]:
    """Run a group in a home that the caller holds; publish where it can be reached."""
    reachable = endpoints or group.home.embedded_endpoints()
    try:
        group.start()
        write_private_file(group.home.endpoints_file, json.dumps(asdict(reachable)))
        yield reachable
    finally:
        group.home.endpoints_file.unlink(missing_ok=True)
        group.stop()


@contextlib.contextmanager
def embedded_services(home: Home | Path | str, *, fast: bool = False) -> Iterator[Endpoints]:
    """Run PostgreSQL and Valkey of a home for the length of a block.

    Call it from the main thread: the kernel ends the services with the thread that started them.

    Parameters
    ----------
    home : folder of the installation (made where missing), usually `Home.locate()`
    fast : give up durability for speed; throw-away homes of tests only

    Yields
    ------
    Endpoints with `database_url` (role and database `twinsight`) and `redis_url`

    Raises
    ------
    HomeInUseError
        Another process runs on the same home.
    ServiceStartError
        A service is missing or did not come up.
    """
    place = home if isinstance(home, Home) else Home(Path(home).absolute())
    with held_home(place), running_services(ServiceGroup(place, fast=fast)) as endpoints:
        yield endpoints


def running_endpoints(home: Home, *, patience_s: float = 60.0) -> Endpoints | None:
    """Endpoints of services that another process runs on this home; None if nobody does."""
    deadline = time.monotonic() + patience_s
    while is_locked(home.lock_file):
        found = Endpoints.read(home.endpoints_file)
        if found is not None:
            return found
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)
    return None

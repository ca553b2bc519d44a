"""What must be done to the database and the static files before the program runs; quick if done."""

import hashlib
import shutil
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from deploy.supervisor.child import run_to_end
from deploy.supervisor.home import Home
from deploy.supervisor.programs import child_environ, management_spec

STAMP_NAME = ".collected"
MODELS_LIMIT_S = 300


def migrate_if_needed() -> int:
    """Bring the schema up to date; returns how many migrations that took."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        call_command("migrate", interactive=False, verbosity=0)
    return len(plan)


def empty_metrics(home: Home) -> None:
    """Let the web processes count requests from zero: files of dead ones would stay for ever."""
    shutil.rmtree(home.metrics, ignore_errors=True)
    home.metrics.mkdir(mode=0o700, parents=True, exist_ok=True)


def collect_static_if_needed() -> int:
    """Collect and compress static files if any changed; returns how many there are, 0 if none."""
    root = Path(settings.STATIC_ROOT)
    stamp = root / STAMP_NAME
    wanted, count = static_fingerprint()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return 0
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0, clear=root.is_dir())
    root.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted, encoding="utf-8")
    return count


def static_fingerprint() -> tuple[str, int]:
    """Digest of names, sizes and times of all static files, and their number."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    count = 0
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
            count += 1
    return digest.hexdigest(), count


def first_admin_password(*, must_change: bool = True) -> str | None:
    """Create the first admin where there is none; returns the password, which is kept nowhere.

    Parameters
    ----------
    must_change
        whether the first sign-in asks for another one; a demonstration's may stay
    """
    from archive.access.services import ensure_first_admin  # noqa: PLC0415 models need set-up apps

    _, password = ensure_first_admin(must_change_password=must_change)
    return password


def install_models_if_needed(home: Home, variables: dict[str, str]) -> int:
    """Install the models of the distribution where they are missing; returns how many there are.

    In a process of its own: the export of the embedder loads torch, which this one never needs.

    Raises
    ------
    SupervisorError
        They can't be installed, for instance because the ``worker`` extra is not.
    """
    from inference.bundles.selectors import all_versions  # noqa: PLC0415 as above
    from inference.runs.defaults import are_defaults_installed  # noqa: PLC0415 as above

    try:
        if are_defaults_installed():
            return 0
        spec = management_spec(home, "models", ("models", "install"), child_environ(variables))
        run_to_end(spec, timeout_s=MODELS_LIMIT_S)
        return len(all_versions())
    finally:
        connections[DEFAULT_DB_ALIAS].close()

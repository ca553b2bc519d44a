"""A Twinsight that the bench starts itself, on loopback, in a folder that is thrown away."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.clients import Dicom, Target
from bench.dimse_load import AE_TITLE
from bench.processes import PATIENCE_S, ServerError, free_port, running, wait_for

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def twinsight(*, with_ai: bool = True, destination: Dicom | None = None) -> Iterator[Target]:
    """Run a Twinsight of its own with a fresh home, a token and this bench as registered peer.

    Parameters
    ----------
    with_ai
        also start the workers; a peer without AI has none of their work
    destination
        a DICOM node that it may move to
    """
    with TemporaryDirectory(prefix="bench-twinsight-") as folder:
        home, http_port, dicom_port = Path(folder) / "home", free_port(), free_port()
        outside = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        environ = {name: value for name, value in os.environ.items() if name not in outside}
        environ |= {
            "TWINSIGHT_HOME": str(home),
            "TWINSIGHT_HTTP_PORT": str(http_port),
            "TWINSIGHT_DICOM_PORT": str(dicom_port),
        }
        log, url = Path(folder) / "log", f"http://127.0.0.1:{http_port}"
        command = [sys.executable, "manage.py", "up", *([] if with_ai else ["--no-worker"])]
        with running(command, environ, log, ROOT) as process:
            target = Target("Twinsight", url, has_ai=with_ai, pids=(process.pid,))
            wait_for(target, "/readyz", process, log)
            yield _with_access(target, environ, dicom_port, destination)


def _with_access(
    target: Target, environ: dict[str, str], dicom_port: int, destination: Dicom | None
) -> Target:
    """Give the bench a token and let it store by DICOM."""
    scopes = ["--scope", "read", "--scope", "write"]
    role = ["--role", "radiology_admin", "--all-projects"]
    token = _manage(environ, "create_api_token", "bench", *scopes, *role).split()[-1]
    rights = ["--account", "bench", "--store", "--query", "--retrieve"]
    _manage(environ, "register_peer", AE_TITLE, "127.0.0.1", *rights)
    if destination:
        place = [destination.host, "--port", str(destination.port), "--destination"]
        _manage(environ, "register_peer", destination.ae_title, *place)
    dicom = Dicom("127.0.0.1", dicom_port, environ.get("TWINSIGHT_AE_TITLE", "TWINSIGHT"))
    headers = {"Authorization": f"Bearer {token}"}
    return replace(target, headers=headers, dicom=dicom)


def _manage(environ: dict[str, str], *words: str) -> str:
    done = subprocess.run(  # noqa: S603 our own commands
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    if done.returncode:
        raise ServerError(f"manage.py {words[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout

"""Servers that the bench starts itself, on loopback, in a folder that is thrown away."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.clients import Dicom, Request, Target
from bench.dimse_load import AE_TITLE

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 180
ORTHANC_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
# Orthanc 1.10 can't be told where to bind: this makes "any address" mean loopback.
LOOPBACK_ONLY_C = """
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <string.h>
int bind(int fd, const struct sockaddr *address, socklen_t size) {
  int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
  if (address->sa_family == AF_INET) {
    struct sockaddr_in copy;
    memcpy(&copy, address, sizeof copy);
    if (copy.sin_addr.s_addr == htonl(INADDR_ANY)) copy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return real(fd, (struct sockaddr *)&copy, sizeof copy);
  }
  return real(fd, address, size);
}
"""


class ServerError(Exception):
    """A server could not be started."""


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def orthanc_program() -> str | None:
    """Where Orthanc is, if it and its DICOMweb plugin are installed and can be kept on loopback."""
    program = shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return program if program and ORTHANC_PLUGIN.exists() and shutil.which("gcc") else None


@contextmanager
def orthanc() -> Iterator[Target]:
    """Run Orthanc with its SQLite index as the peer."""
    program = orthanc_program()
    if program is None:
        raise ServerError("Orthanc, its DICOMweb plugin or gcc is not installed.")
    with TemporaryDirectory(prefix="bench-orthanc-") as folder:
        home, http_port, dicom_port = Path(folder), free_port(), free_port()
        (home / "orthanc.json").write_text(
            json.dumps(_orthanc_settings(home, http_port, dicom_port))
        )
        shim = _loopback_shim(home)
        environ = {**os.environ, "LD_PRELOAD": str(shim), "TCP_NODELAY": "1"}
        command = [program, str(home / "orthanc.json")]
        url = f"http://127.0.0.1:{http_port}"
        with _running(command, environ, home / "log", home) as process:
            target = Target("Orthanc", url, dicom=Dicom("127.0.0.1", dicom_port, "ORTHANC"))
            _wait_for(target, "/system", process, home / "log")
            yield target


def _orthanc_settings(home: Path, http_port: int, dicom_port: int) -> dict[str, object]:
    return {
        "Name": "peer",
        "StorageDirectory": str(home / "storage"),
        "IndexDirectory": str(home / "index"),
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "SyncStorageArea": True,
        "DicomAlwaysAllowStore": True,
        "DicomCheckCalledAet": False,
        "KeepAlive": True,
        "TcpNoDelay": True,
        "Plugins": [str(ORTHANC_PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "StudiesMetadata": "Full"},
    }


def _loopback_shim(home: Path) -> Path:
    source, library = home / "loopback.c", home / "loopback.so"
    source.write_text(LOOPBACK_ONLY_C)
    command = ["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)  # noqa: S603 fixed words
    return library


@contextmanager
def twinsight() -> Iterator[Target]:
    """Run a Twinsight of its own with a fresh home, a token and this bench as registered peer."""
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
        command = [sys.executable, "manage.py", "up"]
        with _running(command, environ, log, ROOT) as process:
            target = Target("Twinsight", url)
            _wait_for(target, "/readyz", process, log)
            yield _with_access(target, environ, dicom_port)


def _with_access(target: Target, environ: dict[str, str], dicom_port: int) -> Target:
    """Give the bench a token and let it store by DICOM."""
    scopes = ["--scope", "read", "--scope", "write"]
    role = ["--role", "radiology_admin", "--all-projects"]
    token = _manage(environ, "create_api_token", "bench", *scopes, *role).split()[-1]
    _manage(environ, "register_peer", AE_TITLE, "127.0.0.1")
    dicom = Dicom("127.0.0.1", dicom_port, environ.get("TWINSIGHT_AE_TITLE", "TWINSIGHT"))
    headers = {"Authorization": f"Bearer {token}"}
    return Target(target.name, target.url, headers=headers, dicom=dicom, has_ai=True)


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


@contextmanager
def _running(
    command: list[str], environ: dict[str, str], log: Path, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 our own commands
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(target: Target, path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if target.ask(Request("GET", path)).status == 200:
                return
        except OSError:
            pass
        time.sleep(0.3)
    tail = log.read_text(errors="replace")[-600:]
    raise ServerError(f"{target.name} did not start: {tail}")

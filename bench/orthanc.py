"""Orthanc as the peer of the bench: on loopback, with its SQLite or its PostgreSQL index."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from bench.clients import Dicom, Target
from bench.processes import ServerError, free_port, running, wait_for

PLUGINS = Path("/usr/share/orthanc/plugins")
DICOMWEB_PLUGIN = PLUGINS / "libOrthancDicomWeb.so"
POSTGRESQL_PLUGIN = PLUGINS / "libOrthancPostgreSQLIndex.so"
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


def orthanc_program() -> str | None:
    """Where Orthanc is, if it and its DICOMweb plugin are installed and can be kept on loopback."""
    program = shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return program if program and DICOMWEB_PLUGIN.exists() and shutil.which("gcc") else None


@contextmanager
def orthanc(*, on_postgresql: bool = False, destination: Dicom | None = None) -> Iterator[Target]:
    """Run Orthanc as the peer.

    Parameters
    ----------
    on_postgresql
        keep the index in a PostgreSQL of the same release and settings as ours (Debian's package
        orthanc-postgresql), else in SQLite
    destination
        a modality that it may move to
    """
    program = orthanc_program()
    if program is None:
        raise ServerError("Orthanc, its DICOMweb plugin or gcc is not installed.")
    if on_postgresql and not POSTGRESQL_PLUGIN.exists():
        raise ServerError("Debian's package orthanc-postgresql is not installed.")
    with TemporaryDirectory(prefix="bench-orthanc-") as folder, ExitStack() as stack:
        home, http_port, dicom_port = Path(folder), free_port(), free_port()
        settings = _settings(home, http_port, dicom_port)
        if on_postgresql:
            settings |= _postgresql(stack, home / "index")
            settings["Plugins"] = [str(DICOMWEB_PLUGIN), str(POSTGRESQL_PLUGIN)]
        if destination:
            place = [destination.ae_title, destination.host, destination.port]
            settings["DicomModalities"] = {destination.ae_title: place}
        (home / "orthanc.json").write_text(json.dumps(settings))
        environ = {**os.environ, "LD_PRELOAD": str(_loopback_shim(home)), "TCP_NODELAY": "1"}
        command = [program, str(home / "orthanc.json")]
        url = f"http://127.0.0.1:{http_port}"
        with running(command, environ, home / "log", home) as process:
            dicom = Dicom("127.0.0.1", dicom_port, "ORTHANC")
            target = Target("Orthanc", url, dicom=dicom, pids=(process.pid, *_postmaster(home)))
            wait_for(target, "/system", process, home / "log")
            yield target


def _settings(home: Path, http_port: int, dicom_port: int) -> dict[str, Any]:
    return {
        "Name": "peer",
        "StorageDirectory": str(home / "storage"),
        "IndexDirectory": str(home / "index-sqlite"),
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "SyncStorageArea": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "DicomCheckCalledAet": False,
        "KeepAlive": True,
        "TcpNoDelay": True,
        "Plugins": [str(DICOMWEB_PLUGIN)],
        "DicomWeb": {
            "Enable": True,
            "Root": "/dicom-web/",
            "StudiesMetadata": "Full",
            "SeriesMetadata": "Full",
        },
    }


def _postgresql(stack: ExitStack, folder: Path) -> dict[str, Any]:
    """Start a PostgreSQL for the index; its settings are our supervisor's, for both alike."""
    # The supervisor asks for the bench's extras only where they are used.
    from deploy.supervisor.services import embedded_services  # noqa: PLC0415

    endpoints = stack.enter_context(embedded_services(folder))
    place = urlsplit(endpoints.database_url)
    query = parse_qs(place.query)
    return {
        "PostgreSQL": {
            "EnableIndex": True,
            "EnableStorage": False,
            "Host": query.get("host", [place.hostname or ""])[0],
            "Port": place.port or int(query.get("port", ["5432"])[0]),
            "Database": place.path.lstrip("/"),
            "Username": unquote(place.username or query.get("user", ["twinsight"])[0]),
            "Password": unquote(place.password or ""),
            "Lock": False,
            "EnableSsl": False,
            # What it is shipped with; more gives aborts and retries under concurrent writes.
            "IndexConnectionsCount": 1,
        }
    }


def _postmaster(home: Path) -> tuple[int, ...]:
    return tuple(
        int(path.read_text().splitlines()[0]) for path in (home / "index").rglob("postmaster.pid")
    )


def _loopback_shim(home: Path) -> Path:
    source, library = home / "loopback.c", home / "loopback.so"
    source.write_text(LOOPBACK_ONLY_C)
    command = ["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)  # noqa: S603 fixed words
    return library

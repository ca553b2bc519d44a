"""The listener as the process that the supervisor runs."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

from archive.access.services import register_peer
from archive.models import Instance
from tests.builders.datasets import make_dataset
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(name="free_port")
def _free_port() -> int:
    return free_port()


@pytest.fixture
def start(services, free_port):
    """Start the command on the test database."""
    name = connection.settings_dict["NAME"]
    env = {
        **os.environ,
        "DATABASE_URL": services.database_url.replace("/twinsight?", f"/{name}?"),
        "REDIS_URL": services.redis_url,
        "TWINSIGHT_DICOM_PORT": str(free_port),
        "TWINSIGHT_AE_TITLE": "LISTENER",
        "PYTHONUNBUFFERED": "1",
    }
    started = []

    def start_listener() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "dicom_listener"],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start_listener
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _wait_for_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 60)
    assert ready, "the listener said nothing"
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_listener_stores_and_ends_when_told(start, free_port, project, number):
    register_peer(ae_title="SCANNER", address="127.0.0.1", project=project)
    process = start()
    assert f"LISTENER listens on 127.0.0.1 port {free_port}." in _wait_for_line(process)
    ae = AE(ae_title="SCANNER")
    ae.add_requested_context(CTImageStorage)
    association = ae.associate("127.0.0.1", free_port, ae_title="LISTENER")
    status = association.send_c_store(make_dataset()).Status

    process.send_signal(number)
    _, errors = process.communicate(timeout=20)

    assert status == 0
    assert Instance.objects.count() == 1
    assert process.returncode == 0, errors
    assert "Doe" not in errors
    socket.create_server(("127.0.0.1", free_port)).close()


def test_taken_port_is_one_sentence(start, free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        process = start()
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert errors.strip() == (
        f"CommandError: Can't listen on 127.0.0.1 port {free_port}: Address already in use."
    )

"""`manage.py up` as people run it: in a process of its own, with everything real."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from deploy.supervisor.home import Home
from deploy.supervisor.program import UpOptions
from inference.workitems.tags import WORKLIST
from tests.builders.workitems import new_workitem
from tests.deploy.supervisor.watching import files_in_run, is_alive, processes_of
from tests.ports import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
# On a busy machine a handshake takes seconds.
PATIENT: dict[str, Any] = {"open_timeout": 60, "close_timeout": 60, "proxy": None}


class Up:
    """One `manage.py up` and what it printed."""

    def __init__(self, home: Home, *arguments: str, **environ: str) -> None:
        self.home = home
        self.port, self.dicom_port = free_port(), free_port()
        kept = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
        self.environ = {
            **kept,
            "TWINSIGHT_HOME": str(home.root),
            "TWINSIGHT_HTTP_PORT": str(self.port),
            "TWINSIGHT_DICOM_PORT": str(self.dicom_port),
            "TWINSIGHT_MIN_FREE_MB": "100",
            "DJANGO_SETTINGS_MODULE": "deploy.settings.testing",
            **environ,
        }
        self.output = home.root.with_suffix(".out")
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *arguments],
                cwd=ROOT,
                env=self.environ,
                stdout=file,
                stderr=file,
            )

    @property
    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def await_ready(self) -> None:
        wait_until(lambda: "Ctrl-C" in self.text or self.process.poll() is not None, seconds=540)
        assert self.process.poll() is None, self.text

    def status_of(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def manage(self, *arguments: str) -> str:
        """Return the last line of what a command says."""
        said = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environ, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        return said.strip().splitlines()[-1]

    def pid_of(self, name: str) -> int:
        return int(json.loads(self.home.processes_file.read_text())[name]["pid"])

    def end(self) -> int:
        return self.process.wait(60)


@pytest.fixture(scope="module")
def old_home() -> Iterator[Home]:
    """A home that several tests use one after the other: installing models takes its time."""
    with tempfile.TemporaryDirectory(prefix="tw-") as root:
        yield Home(Path(root)).prepare()


@pytest.fixture
def up(home):
    runs: list[Up] = []

    def start(*arguments: str, at: Home = home, **environ: str) -> Up:
        runs.append(Up(at, *arguments, **environ))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.wait()
        run.output.unlink(missing_ok=True)
    for run in runs:
        await_end_of_all(run.home)


def await_end_of_all(home: Home) -> None:
    deadline = time.monotonic() + 60
    while processes_of(home) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(home) == []


def assert_nothing_left(home: Home) -> None:
    assert processes_of(home) == []
    assert files_in_run(home) == []


@pytest.mark.slow
def test_first_start_second_start_and_resume(up, home):
    first = up("--no-worker")
    first.await_ready()
    shown = re.search(r"^ *password +(\S+)", first.text, re.MULTILINE)
    assert shown
    assert f"http://127.0.0.1:{first.port}" in first.text

    refused = up("--no-worker")
    assert refused.end() == 1
    assert "already runs" in refused.text
    assert len(refused.text.strip().splitlines()) == 1
    assert first.status_of("/healthz") == 200

    first.process.send_signal(signal.SIGTERM)
    assert first.end() == 0, first.text
    assert_nothing_left(home)

    resumed = up("--no-worker")
    resumed.await_ready()
    assert shown[1] not in resumed.text
    assert "manage.py reset_password" in resumed.text
    assert "up to date" in resumed.text
    assert resumed.status_of("/healthz") == 200


@pytest.mark.slow
def test_killed_supervisor_leaves_no_process_and_the_next_start_works(up, old_home):
    first = up(at=old_home)
    first.await_ready()
    first.process.kill()
    first.process.wait()
    await_end_of_all(old_home)
    second = up("--no-worker", at=old_home)
    second.await_ready()
    assert second.status_of("/healthz") == 200
    second.process.send_signal(signal.SIGINT)
    assert second.end() == 0
    assert_nothing_left(old_home)


@pytest.mark.slow
def test_killed_parts_come_back_and_ctrl_c_ends_all_of_them(up, old_home):
    run = up(at=old_home)
    run.await_ready()
    names = ("postgres", "valkey", "web", "dicom", "worker-default")
    before = {name: run.pid_of(name) for name in names}
    groups = {name: psutil.Process(before[name]).children() for name in ("web", "worker-default")}
    for name in names:
        os.kill(before[name], signal.SIGKILL)
    wait_until(lambda: all(run.pid_of(name) != before[name] for name in names), seconds=90)
    assert not any(is_alive(child.pid) for group in groups.values() for child in group)

    def answers() -> bool:
        try:
            return bool(run.status_of("/login/") == 200)
        except (OSError, http.client.HTTPException):
            return False

    wait_until(answers, seconds=90)
    wait_until(lambda: _accepts(run.dicom_port), seconds=90)
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 0, run.text
    assert_nothing_left(old_home)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_doors_that_are_asked_for_run_and_stop_with_it(up, old_home):
    events, hl7 = free_port(), free_port()
    ports = {"TWINSIGHT_EVENTS_PORT": str(events), "TWINSIGHT_HL7_PORT": str(hl7)}
    run = up("--no-worker", at=old_home, **ports)
    run.await_ready()
    token = run.manage(
        "create_api_token", "watcher", "--scope", "read", "--scope", "write",
        "--role", "radiology_admin", "--all-projects",
    )  # fmt: skip
    run.manage("register_peer", "WATCHER", "127.0.0.1", "--port", "104")
    for port in (events, hl7):
        wait_until(lambda port=port: _accepts(port), seconds=60)
    pages = f"http://127.0.0.1:{run.port}/dicom-web"
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/dicom+json"}

    def new_item(uid: str) -> None:
        made = requests.post(
            f"{pages}/workitems?{uid}", json=[new_workitem()], headers=head, timeout=20
        )
        assert made.status_code == 201, made.text

    wanted = requests.post(
        f"{pages}/workitems/{WORKLIST}/subscribers/WATCHER", headers=head, timeout=20
    )
    assert wanted.status_code == 201, wanted.text
    address = f"ws://127.0.0.1:{events}/dicom-web/subscribers/WATCHER"
    with pytest.raises(InvalidStatus) as refused:
        connect(address, additional_headers={"Authorization": "Bearer tws_wrong"}, **PATIENT)
    assert refused.value.response.status_code == 401
    allowed = {"Authorization": head["Authorization"]}
    with connect(address, additional_headers=allowed, **PATIENT) as channel:
        new_item("2.25.1")
        told = json.loads(channel.recv(timeout=30))
        assert told["00001000"]["Value"] == ["2.25.1"]
        # Killed, it comes back; what was to be told meanwhile waits for the next one who listens.
        before = run.pid_of("events")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: run.pid_of("events") != before and _accepts(events), seconds=60)
    new_item("2.25.2")
    with connect(address, additional_headers=allowed, **PATIENT) as channel:
        while json.loads(channel.recv(timeout=60))["00001000"]["Value"] != ["2.25.2"]:
            pass
        with socket.create_connection(("127.0.0.1", hl7), timeout=30) as sender:
            sender.sendall(b"\x0bMSH|^~\\&|HIS|H|||20260101||ADT^A08|1|P|2.5\rPID|||P-1\r\x1c\r")
            assert b"MSA|AA|1" in sender.recv(65536)
        run.process.send_signal(signal.SIGINT)
        with pytest.raises(ConnectionClosed):
            channel.recv(timeout=30)
    assert run.end() == 0, run.text
    assert_nothing_left(old_home)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("variable", ["TWINSIGHT_HTTP_PORT", "TWINSIGHT_DICOM_PORT"])
def test_taken_port_is_one_sentence(up, home, variable):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        run = up(**{variable: str(port)})
        assert run.end() == 1
    assert len(run.text.strip().splitlines()) == 1
    assert str(port) in run.text
    assert variable in run.text
    assert_nothing_left(home)
    assert not (home.postgres / "data").exists()


def test_full_disk_is_one_sentence(up, home):
    run = up(TWINSIGHT_MIN_FREE_MB="1000000000")
    assert run.end() == 1
    assert len(run.text.strip().splitlines()) == 1
    assert "too full" in run.text
    assert_nothing_left(home)
    assert not (home.postgres / "data").exists()


def test_port_option_wins(up, home):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        run = up("--port", str(port))
        assert run.end() == 1
    assert str(port) in run.text


def test_stop_in_the_middle_of_the_start(up, home):
    run = up()
    wait_until(home.processes_file.exists, seconds=60)
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 0, run.text
    assert_nothing_left(home)


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 only printed
        ("::", "http://[::1]:8000"),
        ("192.0.2.7", "http://192.0.2.7:8000"),
    ],
)
def test_address_is_one_that_can_be_opened(bind, address):
    options = UpOptions(Home(Path("/srv/t")), bind, 8000, 11112, "TWINSIGHT", 0)
    assert options.address == address


def test_external_services_are_told_to_the_processes():
    options = UpOptions(
        Home(Path("/srv/t")), "127.0.0.1", 8000, 11112, "T", 0, database_url="postgresql://db/x"
    )
    variables = options.child_variables()
    assert variables["DATABASE_URL"] == "postgresql://db/x"
    assert variables["REDIS_URL"] == "unix:///srv/t/run/valkey.sock?db=0"

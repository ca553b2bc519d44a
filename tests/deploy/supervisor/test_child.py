import os
import signal
import subprocess
import sys

import psutil
import pytest

from deploy.supervisor.child import MAX_LOG_BYTES, Child, last_line, run_to_end
from deploy.supervisor.errors import SupervisorError
from tests.deploy.supervisor.watching import end, first_line, is_alive
from tests.waiting import wait_until

FOREVER = "import time; time.sleep(60)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
MASTER = """
import subprocess, sys, time
workers = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in "ab"]
print(*[worker.pid for worker in workers], flush=True)
time.sleep(60)
"""
PARENT = """
import os, sys, time
from pathlib import Path
from deploy.supervisor.child import Child, ChildSpec
spec = ChildSpec("child", (sys.executable, "-c", "import time; time.sleep(60)"), Path(sys.argv[1]))
print(Child(spec).pid, flush=True)
time.sleep(60)
"""


def test_child_runs_in_a_session_of_its_own(python_spec):
    child = Child(python_spec(FOREVER))
    try:
        assert child.poll() is None
        assert os.getsid(child.pid) == child.pid
    finally:
        assert child.stop() == -signal.SIGTERM


def test_output_goes_to_a_private_log(python_spec):
    spec = python_spec("import sys; print('out'); print('err', file=sys.stderr)")
    assert Child(spec).wait(20) == 0
    assert set(spec.log_file.read_text().split()) == {"out", "err"}
    assert spec.log_file.stat().st_mode & 0o777 == 0o600


def test_large_log_is_put_aside(python_spec):
    spec = python_spec("print('new')")
    with spec.log_file.open("wb") as file:
        file.truncate(MAX_LOG_BYTES + 1)
    Child(spec).wait(20)
    assert spec.log_file.read_text() == "new\n"
    assert spec.log_file.with_suffix(".log.1").stat().st_size == MAX_LOG_BYTES + 1


def test_environment_is_only_what_was_given(python_spec):
    spec = python_spec("import os; print(os.environ.get('HOME'), os.environ['GIVEN'])")
    spec = type(spec)(**{**vars(spec), "environ": {"GIVEN": "x"}})
    Child(spec).wait(20)
    assert spec.log_file.read_text() == "None x\n"


def test_stubborn_child_is_killed_after_its_time(python_spec):
    spec = python_spec(STUBBORN, stop_timeout_s=0.3)
    child = Child(spec)
    wait_until(lambda: spec.log_file.read_text() == "ready\n")
    assert child.stop() == -signal.SIGKILL


def test_stop_signal_is_sent_once(python_spec):
    code = """
import signal, time
seen = []
signal.signal(signal.SIGTERM, lambda *_: (seen.append(1), print("asked", flush=True)))
print("ready", flush=True)
while not seen: time.sleep(0.05)
time.sleep(0.5)  # in which a second one would be told of
"""
    spec = python_spec(code)
    child = Child(spec)
    wait_until(lambda: "ready" in spec.log_file.read_text())
    child.ask_to_stop()
    wait_until(lambda: "asked" in spec.log_file.read_text())
    assert child.stop() == 0
    assert spec.log_file.read_text().count("asked") == 1


def test_workers_of_a_killed_master_go_too(python_spec):
    spec = python_spec(MASTER)
    child = Child(spec)
    wait_until(lambda: len(spec.log_file.read_text().split()) == 2)
    workers = [int(pid) for pid in spec.log_file.read_text().split()]
    child.signal(signal.SIGKILL)
    child.wait(20)
    assert all(is_alive(pid) for pid in workers)
    child.sweep()
    assert not any(is_alive(pid) for pid in workers)


def test_other_processes_are_left_alone(python_spec):
    bystander = subprocess.Popen(["sleep", "30"])
    try:
        Child(python_spec(FOREVER)).stop()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_child_dies_with_a_killed_parent(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    pid = int(first_line(parent))
    assert psutil.pid_exists(pid)
    end(parent)
    wait_until(lambda: not is_alive(pid))


def test_run_to_end_reports_the_last_line(python_spec):
    spec = python_spec("import sys; print('no room left'); sys.exit(3)", name="initdb")
    with pytest.raises(SupervisorError, match=r"initdb failed .no room left.") as caught:
        run_to_end(spec, timeout_s=20)
    assert str(spec.log_file) in str(caught.value)


def test_run_to_end_does_not_wait_for_ever(python_spec):
    with pytest.raises(SupervisorError, match="longer than"):
        run_to_end(python_spec(FOREVER), timeout_s=0.5)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"one\ntwo\n\n", "two"),
        (b"", "nothing in its log"),
        (b"\xff\n", "\ufffd"),
        (b"x" * 9000, "x" * 200),
    ],
)
def test_last_line(tmp_path, content, expected):
    (tmp_path / "log").write_bytes(content)
    assert last_line(tmp_path / "log") == expected


def test_last_line_without_a_log(tmp_path):
    assert last_line(tmp_path / "none") == "no log"

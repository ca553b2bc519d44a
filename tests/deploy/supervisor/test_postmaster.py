import os
import subprocess
import sys

import pytest

from deploy.supervisor.errors import ServiceStartError
from deploy.supervisor.postmaster import clear_stale_postmaster
from tests.deploy.supervisor.watching import end, first_line, is_alive

POSTGRES_ALIKE = """
import ctypes, sys, time
ctypes.CDLL(None).prctl(15, b"postgres", 0, 0, 0)
import signal
if {stubborn}:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="renames itself as on Linux")


@pytest.fixture
def place(tmp_path):
    data, sockets = tmp_path / "data", tmp_path / "sockets"
    data.mkdir()
    sockets.mkdir()
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (sockets / name).touch()
    return data, sockets


@pytest.fixture
def predecessor(place):
    """A process that looks like the server of this cluster."""
    processes = []

    def start(*, stubborn=False):
        code = POSTGRES_ALIKE.format(stubborn=stubborn)
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(place[0])], stdout=subprocess.PIPE, text=True
        )
        assert first_line(process) == "ready\n"
        (place[0] / "postmaster.pid").write_text(f"{process.pid}\n{place[0]}\n")
        processes.append(process)
        return process

    yield start
    for process in processes:
        end(process)


def leftovers(place):
    return [path.name for folder in place for path in folder.iterdir()]


@pytest.mark.parametrize(
    "content",
    [None, "", "no number", "4194304\n", f"{os.getpid()}\n"],
    ids=["no file", "empty", "no number", "no such process", "another program's"],
)
def test_files_of_a_dead_server_are_cleared(place, content):
    if content is not None:
        (place[0] / "postmaster.pid").write_text(content)
    clear_stale_postmaster(*place)
    assert leftovers(place) == []


@linux_only
def test_dying_predecessor_is_asked_and_waited_for(place, predecessor, monkeypatch):
    monkeypatch.setattr("deploy.supervisor.postmaster.PATIENCE_S", 3.0)
    process = predecessor()
    clear_stale_postmaster(*place)
    assert not is_alive(process.pid)
    assert leftovers(place) == []


@linux_only
def test_predecessor_that_stays_is_never_overridden(place, predecessor, monkeypatch):
    monkeypatch.setattr("deploy.supervisor.postmaster.PATIENCE_S", 0.2)
    process = predecessor(stubborn=True)
    with pytest.raises(ServiceStartError, match=str(process.pid)):
        clear_stale_postmaster(*place)
    assert (place[0] / "postmaster.pid").exists()
    assert is_alive(process.pid)


@linux_only
def test_server_of_another_cluster_is_left_alone(place, predecessor, tmp_path):
    process = predecessor()
    other = tmp_path / "other"
    other.mkdir()
    (other / "postmaster.pid").write_text(f"{process.pid}\n{other}\n")
    clear_stale_postmaster(other, place[1])
    assert is_alive(process.pid)

import json
import subprocess

import psutil
import pytest

from deploy.supervisor.record import ProcessRecord, await_leftovers
from tests.deploy.supervisor.watching import is_alive


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_record_is_gone_with_its_last_process(tmp_path, sleeper):
    record = ProcessRecord(tmp_path / "processes.json")
    record.add("sleeper", sleeper.pid)
    assert json.loads(record.path.read_text())["sleeper"]["pid"] == sleeper.pid
    record.remove("sleeper")
    record.remove("never there")
    assert not record.path.exists()


def test_process_that_is_gone_already_is_not_noted(tmp_path):
    done = subprocess.Popen(["true"])
    done.wait()
    record = ProcessRecord(tmp_path / "processes.json")
    record.add("done", done.pid)
    assert record.entries == {}


def test_leftover_that_does_not_end_is_killed(tmp_path, sleeper):
    record = ProcessRecord(tmp_path / "processes.json")
    record.add("sleeper", sleeper.pid)
    assert await_leftovers(record.path, patience_s=0.2) == [sleeper.pid]
    assert not is_alive(sleeper.pid)
    assert not record.path.exists()


def test_leftover_that_ends_by_itself_is_waited_for(tmp_path):
    short = subprocess.Popen(["sleep", "0.5"])
    record = ProcessRecord(tmp_path / "processes.json")
    record.add("short", short.pid)
    assert await_leftovers(record.path, patience_s=10) == []
    assert not is_alive(short.pid)
    short.wait()


def test_pid_given_to_somebody_else_is_left_alone(tmp_path, sleeper):
    path = tmp_path / "processes.json"
    created = psutil.Process(sleeper.pid).create_time() - 100
    path.write_text(json.dumps({"web": {"pid": sleeper.pid, "created": created}}))
    assert await_leftovers(path, patience_s=0.1) == []
    assert is_alive(sleeper.pid)


@pytest.mark.parametrize("content", [None, "", "[1]", '{"web": {}}', '{"web": {"pid": "x"}}'])
def test_damaged_record_is_no_obstacle(tmp_path, content):
    path = tmp_path / "processes.json"
    if content is not None:
        path.write_text(content)
    assert await_leftovers(path, patience_s=0.1) == []
    assert not path.exists()

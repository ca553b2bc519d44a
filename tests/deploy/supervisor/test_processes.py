import signal
import time

import pytest

from deploy.supervisor.interrupts import StopWish
from deploy.supervisor.processes import Supervisor
from deploy.supervisor.record import ProcessRecord
from deploy.supervisor.restarts import QUICK_DEATHS
from deploy.supervisor.services import ServiceGroup
from tests.deploy.supervisor.watching import is_alive, processes_of
from tests.waiting import wait_until

FOREVER = "import time; time.sleep(60)"
# Says when it ended, in a file that all of them share.
TELLING = """
import signal, sys, time
def leave(*_):
    time.sleep({delay})
    open({path!r}, "a").write({name!r} + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def run(home):
    """Start a supervisor of given stages without services; stop it at the end."""
    started = []

    def make(stages, *, group=None):
        record = ProcessRecord(home.processes_file)
        services = group or ServiceGroup(home, with_postgres=False, with_valkey=False)
        warnings: list[str] = []
        supervisor = Supervisor(services, stages, record, warnings.append)
        supervisor.start()
        started.append(supervisor)
        return supervisor, warnings

    yield make
    for supervisor in started:
        supervisor.stop()


def tick_until(supervisor, condition, *, seconds=20):
    wish = StopWish()

    def looked():
        supervisor.tick(wish)
        return condition()

    wait_until(looked, seconds=seconds)


def test_dead_program_is_started_again(run, python_spec):
    supervisor, warnings = run([[python_spec(FOREVER)]])
    first = supervisor.children["child"].pid
    supervisor.children["child"].signal(signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.children["child"].pid != first)
    assert is_alive(supervisor.children["child"].pid)
    assert warnings == []


def test_program_that_keeps_dying_is_reported_once(run, python_spec, monkeypatch):
    monkeypatch.setattr("deploy.supervisor.restarts.FIRST_DELAY_S", 0.01)
    spec = python_spec("print('cannot bind'); raise SystemExit(1)", name="dicom")
    supervisor, warnings = run([[spec]])
    tick_until(supervisor, lambda: supervisor.policies.get("dicom", None) and warnings)
    tick_until(supervisor, lambda: supervisor.policies["dicom"].in_a_row > QUICK_DEATHS)
    assert len(warnings) == 1
    assert "dicom keeps stopping (cannot bind)" in warnings[0]
    assert str(spec.log_file) in warnings[0]
    assert "\n" not in warnings[0]


def test_stages_stop_one_after_the_other(run, python_spec, tmp_path):
    path = str(tmp_path / "ends")

    def telling(name, delay):
        return python_spec(TELLING.format(path=path, name=name, delay=delay), name=name)

    web, dicom, worker = telling("web", 0.5), telling("dicom", 0.1), telling("worker", 0)
    supervisor, _ = run([[web, dicom], [worker]])
    wait_until(lambda: all("ready" in s.log_file.read_text() for s in (web, dicom, worker)))
    supervisor.stop()
    # Within a stage at the same time, so the quicker one ends first; the next stage later.
    assert (tmp_path / "ends").read_text().split() == ["dicom", "web", "worker"]
    assert supervisor.children == {}


def test_record_names_what_runs(run, python_spec, home):
    supervisor, _ = run([[python_spec(FOREVER)]])
    assert supervisor.record.entries["child"]["pid"] == supervisor.children["child"].pid
    supervisor.stop()
    assert not home.processes_file.exists()


def test_stop_before_a_restart_is_due(run, python_spec):
    supervisor, _ = run([[python_spec("raise SystemExit(1)")]])
    tick_until(supervisor, lambda: supervisor.due)
    supervisor.stop()
    supervisor.tick(StopWish())
    assert supervisor.children == {}


def test_dead_service_is_started_again(run, home):
    group = ServiceGroup(home, with_postgres=False, fast=True)
    group.start()
    try:
        supervisor, _ = run([], group=group)
        first = group.children["valkey"].pid
        group.children["valkey"].signal(signal.SIGKILL)
        tick_until(supervisor, lambda: group.children["valkey"].pid != first)
        assert group.services["valkey"].is_answering()
    finally:
        group.stop()
    assert processes_of(home) == []


def test_service_that_cannot_come_back_is_reported(run, home, monkeypatch):
    monkeypatch.setattr("deploy.supervisor.restarts.FIRST_DELAY_S", 0.01)
    group = ServiceGroup(home, with_postgres=False, fast=True)
    group.start()
    try:
        supervisor, warnings = run([], group=group)
        for part in (home.valkey / "appendonlydir").iterdir():
            part.write_bytes(b"not an append-only file at all")
        group.children["valkey"].signal(signal.SIGKILL)
        tick_until(supervisor, lambda: warnings)
        assert "valkey keeps stopping" in warnings[0]
    finally:
        group.stop()


def test_watch_ends_with_the_wish(run, python_spec):
    supervisor, _ = run([[python_spec(FOREVER)]])
    wish, ticks = StopWish(), []

    def on_tick():
        ticks.append(time.monotonic())
        if len(ticks) == 2:
            signal.raise_signal(signal.SIGTERM)

    with wish.listening():
        supervisor.watch(wish, on_tick)
    assert len(ticks) == 2

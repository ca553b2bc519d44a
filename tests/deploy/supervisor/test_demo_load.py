import io
import sys

import pytest

from deploy.supervisor.child import ChildSpec
from deploy.supervisor.demo_load import DemoLoad, LogLines
from deploy.supervisor.record import ProcessRecord
from deploy.supervisor.terminal import Terminal
from tests.waiting import wait_until


@pytest.fixture
def load(home):
    """Run other lines in place of the command; return what the terminal showed."""
    output = io.StringIO()
    demo = DemoLoad(home, {}, ProcessRecord(home.processes_file), Terminal(output))

    def run(code: str) -> str:
        argv = (sys.executable, "-c", code)
        demo.spec = ChildSpec("demo", argv, home.logs / "demo.log")
        demo.start()

        def ended():
            demo.tick()
            return demo.child is None

        wait_until(ended)
        return output.getvalue()

    yield run
    demo.stop()


def test_progress_is_shown_and_records_of_the_log_are_not(load):
    shown = load("print('10 of 60 studies'); print('{\"level\": \"info\"}'); print('60 of 60')")
    assert [line.split()[2:] for line in shown.splitlines()] == [
        ["10", "of", "60", "studies"],
        ["60", "of", "60"],
        ["60", "of", "60"],
    ]
    assert shown.splitlines()[-1].split()[0] in "✓+"


def test_failure_is_one_sentence(load, home):
    shown = load("import sys; print('disk full', file=sys.stderr); sys.exit(2)")
    assert "could not be loaded (disk full)" in shown
    assert str(home.logs / "demo.log") in shown


def test_lines_of_a_former_run_are_not_shown_again(load, home):
    (home.logs / "demo.log").write_text("old line\n")
    assert "old line" not in load("print('new line')")


def test_command_is_the_real_one(home):
    demo = DemoLoad(home, {"A": "b"}, ProcessRecord(home.processes_file), Terminal(io.StringIO()))
    assert demo.spec.argv[-1] == "load_demo"
    assert demo.spec.environ["A"] == "b"
    demo.tick()
    demo.stop()


def test_half_a_line_waits_for_its_end(tmp_path):
    lines = LogLines(tmp_path / "log")
    assert lines.read() == []
    with (tmp_path / "log").open("a") as file:
        file.write("first\nsec")
        file.flush()
        assert lines.read() == ["first"]
        file.write("ond\n")
        file.flush()
        assert lines.read() == ["second"]
    assert lines.read() == []


def test_last_state_of_a_progress_bar_counts(tmp_path):
    (tmp_path / "log").write_bytes(b"10 %\r50 %\r100 %\n")
    assert LogLines(tmp_path / "log").read() == ["100 %"]


def test_rotated_file_is_read_from_its_start(tmp_path):
    lines = LogLines(tmp_path / "log")
    (tmp_path / "log").write_text("a long line of the old file\n")
    lines.read()
    (tmp_path / "log").write_text("new\n")
    assert lines.read() == ["new"]

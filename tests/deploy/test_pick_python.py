"""Which interpreter the project is set up with."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "pick_python.sh"


@pytest.fixture
def interpreter(tmp_path):
    """Make an interpreter that says how long it took, or can't be used."""

    def make(folder: str, name: str, says: str) -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{says}\n")
        path.chmod(0o755)
        return path

    return make


def pick(*folders: Path) -> str:
    path = ":".join(str(one) for one in folders)
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT)], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_fastest_of_a_release_is_taken(interpreter):
    slow = interpreter("own builds", "python3.11", "echo 3051")
    fast = interpreter("system", "python3.11", "echo 1702")
    assert pick(slow.parent, fast.parent) == str(fast)
    assert pick(fast.parent, slow.parent) == str(fast)


def test_a_release_goes_before_a_faster_later_one(interpreter):
    wanted = interpreter("own", "python3.11", "echo 3000")
    later = interpreter("system", "python3.12", "echo 10")
    assert pick(later.parent, wanted.parent) == str(wanted)


def test_what_cannot_make_environments_is_passed_over(interpreter):
    broken = interpreter("system", "python3.11", "echo 'No module named ensurepip' >&2; exit 1")
    works = interpreter("own", "python3.12", "echo 3000")
    assert pick(broken.parent, works.parent) == str(works)
    assert pick(broken.parent) == ""


def test_a_real_interpreter_is_asked(tmp_path):
    (tmp_path / "python3.11").symlink_to(sys._base_executable)
    assert pick(tmp_path) == str(tmp_path / "python3.11")

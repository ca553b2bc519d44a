"""Tests mirror the rooms, and no room has a name that says nothing."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EMPTY_NAMES = {"utils", "helpers", "common", "core", "misc", "base"}
# Rows are tested through the services that write them.
WITHOUT_OWN_TESTS = {"migrations", "models", "management"}


def _rooms(package: str) -> list[Path]:
    return sorted(
        path
        for path in (ROOT / package).iterdir()
        if (path / "__init__.py").exists() and path.name not in WITHOUT_OWN_TESTS
    )


@pytest.mark.parametrize(
    "room",
    _rooms("archive") + _rooms("inference"),
    ids=lambda path: f"{path.parent.name}.{path.name}",
)
def test_each_room_has_tests_of_its_own(room: Path) -> None:
    mirror = ROOT / "tests" / room.parent.name / room.name
    assert list(mirror.rglob("test_*.py")), f"{mirror.relative_to(ROOT)} holds no tests"


def test_tests_have_no_room_that_the_source_lacks() -> None:
    for package in ("archive", "inference"):
        for path in (ROOT / "tests" / package).iterdir():
            if path.is_dir() and path.name != "__pycache__":
                assert (ROOT / package / path.name).is_dir(), f"{path} mirrors nothing"


@pytest.mark.parametrize("package", ["archive", "inference", "deploy"])
def test_no_room_or_file_is_named_after_nothing(package: str) -> None:
    # Django asks a database backend for a module of that name.
    allowed = {ROOT / "deploy" / "settings" / "base.py", ROOT / "deploy" / "database" / "base.py"}
    for path in (ROOT / package).rglob("*.py"):
        if path not in allowed:
            assert path.stem not in EMPTY_NAMES, f"{path} is named after nothing"
            assert path.parent.name not in EMPTY_NAMES, f"{path} is named after nothing"

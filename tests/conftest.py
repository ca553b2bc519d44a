"""The real parts for every test: PostgreSQL with pgvector, Valkey, four people."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.fixtures.buckets",
    "tests.fixtures.flushing",
    "tests.fixtures.locales",
    "tests.fixtures.people",
    "tests.fixtures.results",
    "tests.fixtures.services",
]

PACED_MARKS = ("browser", "interop", "slow")
PACED_ROOMS = ("archive/dimse", "deploy/supervisor", "faults")
SHARED = Path(__file__).resolve().parents[1] / ".." / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images for development; absent on a user's machine."""
    path = (SHARED / "data").resolve()
    if not path.is_dir():
        pytest.skip("real images (../shared/data) are not on this machine")
    return path


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """MONAI bundles for development; absent on a user's machine."""
    path = (SHARED / "models").resolve()
    if not path.is_dir():
        pytest.skip("MONAI bundles (../shared/models) are not on this machine")
    return path


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker waits for another's last one.

    What needs more time than others says so by its marks. Where nobody watches, what depends on the
    pace of browsers and processes beside us gets a second chance, and is named in the summary if it
    took it; everything else has to be right at once.
    """
    if os.environ.get("CI"):
        for item in items:
            if _is_paced(item):
                item.add_marker(pytest.mark.flaky(reruns=1))

    def patience(item: pytest.Item) -> float:
        limit = item.get_closest_marker("timeout")
        return float(limit.args[0]) if limit else float(bool(item.get_closest_marker("slow")))

    needed: dict[Path, float] = {}
    for item in items:
        needed[item.path] = max(needed.get(item.path, 0), patience(item))
    items.sort(key=lambda item: -needed[item.path])


def _is_paced(item: pytest.Item) -> bool:
    """Whether it depends on the pace of other processes: browsers, peers, services, workers."""
    room = item.path.parent.relative_to(Path(__file__).parent).as_posix()
    return room.startswith(PACED_ROOMS) or any(
        item.get_closest_marker(name) for name in PACED_MARKS
    )

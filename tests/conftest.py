"""The real parts for every test: PostgreSQL with pgvector, Valkey, four people."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = [
    "tests.fixtures.buckets",
    "tests.fixtures.flushing",
    "tests.fixtures.people",
    "tests.fixtures.results",
    "tests.fixtures.services",
]

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

    What needs more time than others says so by its marks.
    """

    def patience(item: pytest.Item) -> float:
        limit = item.get_closest_marker("timeout")
        return float(limit.args[0]) if limit else float(bool(item.get_closest_marker("slow")))

    needed: dict[Path, float] = {}
    for item in items:
        needed[item.path] = max(needed.get(item.path, 0), patience(item))
    items.sort(key=lambda item: -needed[item.path])

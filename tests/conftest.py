"""The real parts for every test: PostgreSQL with pgvector, Valkey, four people."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["tests.fixtures.people", "tests.fixtures.results", "tests.fixtures.services"]

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

"""Commands as an operator runs them."""

from __future__ import annotations

from tests.archive.management.conftest import run

__all__ = ["run"]

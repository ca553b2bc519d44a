"""Waiting for what other threads and processes bring about."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(is_so: Callable[[], object], *, seconds: float = 120) -> None:
    """Look again and again; fail where it does not come about in time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not come about in {seconds} s")
        time.sleep(0.02)

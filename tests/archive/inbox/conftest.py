"""Uploads are worked on to their end while their request waits, however slow the machine is."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a request does itself ends within the request."""
    monkeypatch.setattr("archive.inbox.preview._BRIEFLY_S", 600)

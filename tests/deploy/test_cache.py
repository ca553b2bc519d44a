"""The shared cache goes away: everybody still signs in, and limits still hold."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from django.core.cache import caches
from django.test import Client

from deploy.supervisor.valkey import find_binary
from tests.builders.sign_in import post_login, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db


@pytest.fixture
def gone(settings) -> Iterator[None]:
    """Valkey at an address where nobody answers."""
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }
    _forget_caches()
    yield
    _forget_caches()


def _forget_caches() -> None:
    from deploy import cache

    cache._away_until.clear()
    if hasattr(caches._connections, "default"):
        del caches["default"]


def test_everybody_signs_in_while_the_cache_is_away(radiologist, gone):
    assert Client().get("/login/").status_code == 200
    assert post_login("radiologist").status_code == 302
    browser = signed_in("radiologist")
    for page in ("/studies/", "/account/", "/notices/"):
        assert browser.get(page).status_code == 200, page
    assert browser.post("/logout/").status_code == 302
    assert Client().get("/readyz").json()["broker"] == "failed"


def test_limits_hold_in_this_process_meanwhile(gone):
    cache = caches["default"]
    cache.add("tries", 0, 60)
    assert [cache.incr("tries") for _ in range(3)] == [1, 2, 3]
    cache.set_many({"a": 1, "b": [2]}, 60)
    assert cache.get_many(["a", "b"]) == {"a": 1, "b": [2]}
    cache.delete("a")
    assert cache.get("a", "nothing") == "nothing"


def test_comes_back_and_forgets_what_was_kept_meanwhile(tmp_path: Path, monkeypatch):
    from deploy import cache as module

    monkeypatch.setattr(module, "_PAUSE_S", 0.0)
    socket = tmp_path / "v.sock"
    kept = module.StandInCache(f"unix://{socket}?db=0", {})
    kept.set("word", "alone")
    assert kept.get("word") == "alone"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    for _ in range(2):
        server = subprocess.Popen([str(find_binary()), *options], stdout=subprocess.DEVNULL)
        try:
            while not socket.exists():
                time.sleep(0.02)
            assert kept.get("word") is None
            kept.ping()
            kept.set("word", "shared")
            assert kept.get("word") == "shared"
        finally:
            server.kill()
            server.wait()
            socket.unlink()
        # What was kept the last time it was away is gone.
        assert kept.get("word") is None
        kept.set("word", "alone")

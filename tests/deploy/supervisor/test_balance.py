"""Connections go where least is in hand: by a clock of our own, and with real processes."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.supervisor.balance import (
    MAX_PROCESSES,
    WINDOW_S,
    Balanced,
    Burden,
    NoPlaceError,
    balanced,
)
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
APPLICATION = """
import os, time
from pathlib import Path
from deploy.supervisor.balance import balanced

def answer(environ, start_response):
    time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]

application = balanced(answer, Path(os.environ["SHARED"]))
"""


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def busy_for_a_window(clock: Clock, *burdens: tuple[Burden, int]) -> None:
    """Let each have so many requests in hand for a little more than a window."""
    for burden, count in burdens:
        for _ in range(count):
            burden.begin()
    clock.now += WINDOW_S * 1.1


@pytest.mark.parametrize(
    ("mine", "others", "too_many"),
    [(1, 0, 0), (2, 1, 0), (2, 2, 0), (2, 0, 1), (3, 1, 1), (4, 0, 2), (8, 0, 4), (1, 8, 0)],
)
def test_a_process_gives_away_half_of_its_surplus(
    tmp_path: Path, mine: int, others: int, too_many: int
) -> None:
    clock = Clock()
    one, other = Burden(tmp_path, clock), Burden(tmp_path, clock)
    one.is_too_much()
    clock.now += WINDOW_S * 1.1
    assert not one.is_too_much()  # the first look that sees both
    busy_for_a_window(clock, (one, mine), (other, others))

    assert sum(one.is_too_much() for _ in range(10)) == too_many


def test_one_alone_and_one_beside_the_dead_keep_what_they_have(tmp_path: Path) -> None:
    clock = Clock()
    dead = Burden(tmp_path, clock)
    os.close(dead._held)
    dead_place = dead._number
    one = Burden(tmp_path, clock)
    assert one._number == dead_place  # its place is free again
    former = Burden(tmp_path, clock)
    os.close(former._held)
    clock.now += WINDOW_S * 1.1
    one.is_too_much()
    busy_for_a_window(clock, (one, 6))

    assert not one.is_too_much()


def test_one_who_comes_after_another_has_nothing_in_hand_yet(tmp_path: Path) -> None:
    clock = Clock()
    one, before = Burden(tmp_path, clock), Burden(tmp_path, clock)
    busy_for_a_window(clock, (before, 8))
    clock.now += 3600
    one.is_too_much()
    os.close(before._held)
    Burden(tmp_path, clock)
    busy_for_a_window(clock, (one, 4))

    assert sum(one.is_too_much() for _ in range(20)) == 2


def test_there_are_only_so_many_places(tmp_path: Path) -> None:
    burdens = [Burden(tmp_path) for _ in range(MAX_PROCESSES)]
    with pytest.raises(NoPlaceError, match="web processes"):
        Burden(tmp_path)

    def application(_environ, _start_response):
        return [b"x"]

    assert balanced(application, tmp_path) is application
    for burden in burdens:
        os.close(burden._held)


@pytest.mark.parametrize(
    ("protocol", "ended"), [("HTTP/1.1", True), ("HTTP/2", False), ("HTTP/1.0", False)]
)
def test_the_answer_ends_its_connection(tmp_path: Path, protocol: str, ended: bool) -> None:
    class Full(Burden):
        def is_too_much(self) -> bool:
            return True

    burden = Full(tmp_path)
    said: list[list[tuple[str, str]]] = []

    def application(environ, start_response):
        assert burden._now == 1
        start_response("200 OK", [("Content-Type", "text/plain")], None)
        return [b"x"]

    answer = Balanced(application, burden)
    got = answer({"SERVER_PROTOCOL": protocol}, lambda _, headers, __=None: said.append(headers))

    assert got == [b"x"]
    assert burden._now == 0
    assert (("Connection", "close") in said[0]) is ended

    def failing(environ, start_response):
        raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        Balanced(failing, burden)({}, lambda *_: None)
    assert burden._now == 0


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Two processes of granian that serve the application above."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "balanced_answer.py").write_text(APPLICATION)
    number = free_port()
    words = ["--interface", "wsgi", "--port", str(number), "--workers", "2"]
    words += ["--blocking-threads", "8", "balanced_answer:application"]
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", *words],
        cwd=tmp_path,
        env={**os.environ, "SHARED": str(tmp_path / "shared"), "PYTHONPATH": f"{ROOT}:{tmp_path}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield number
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_connections_of_real_clients_spread(port: int) -> None:
    clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(6)]

    def ask(client: http.client.HTTPConnection) -> str:
        last = ""
        for _ in range(20):
            try:
                client.request("GET", "/")
                last = client.getresponse().read().decode()
            except (OSError, http.client.HTTPException):
                client.close()
                time.sleep(0.1)  # still starting
        return last

    deadline = time.monotonic() + 60
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(6) as pool:
        while time.monotonic() < deadline:
            counts = Counter(pool.map(ask, clients))
            if set(counts.values()) == {3}:
                break
    for client in clients:
        client.close()
    assert set(counts.values()) == {3}, counts

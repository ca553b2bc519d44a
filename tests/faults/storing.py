"""Clients that store at a Twinsight under fault, and remember what it acknowledged."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from bench.clients import Request
from bench.dicomweb_load import store_request
from bench.material import files, identities

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.clients import Target
    from bench.material import Identity

    Sent = tuple[Identity, bytes]

ROWS = 80
PREAMBLE = 128
INSTANCE, SUCCESSES = "00081155", "00081199"
PATIENCE_S = 240
# granian ends where one of its processes dies twice within 5.5 s; `up` starts it again then.
STEADY_S = 8


def instances(seed: str, count: int, *, per_study: int = 20) -> list[Sent]:
    """Plan small CT images that nobody has stored yet."""
    plan = identities(seed, count, per_study)
    return list(zip(plan, files(plan, ROWS), strict=True))


@dataclass
class Senders:
    """Several connections that store, and what they were told."""

    target: Target
    acknowledged: dict[str, Sent] = field(default_factory=dict)
    # Statuses of answers, with whether they said when to come again; and broken connections.
    answers: set[tuple[int, bool]] = field(default_factory=set)
    breaks: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, sent: Sequence[Sent]) -> int:
        """Store by one request on a connection of its own; 0 where that broke."""
        request = store_request(self.target, [content for _, content in sent])
        connection = http.client.HTTPConnection(self.target.url.split("//")[1], timeout=60)
        headers = {**self.target.headers, **request.headers}
        try:
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            with self._lock:
                self.breaks += 1
            return 0
        finally:
            connection.close()
        with self._lock:
            self.answers.add((answer.status, "Retry-After" in answer.headers))
            if answer.status in {200, 202}:
                taken = {one[INSTANCE]["Value"][0] for one in json.loads(body)[SUCCESSES]["Value"]}
                told = {one.instance: (one, content) for one, content in sent}
                self.acknowledged |= {uid: told[uid] for uid in taken}
        return answer.status

    def start(
        self, requests: Sequence[Sequence[Sent]], *, connections: int, is_patient: bool = True
    ) -> list[threading.Thread]:
        """Send each request; who is patient sends it until it is taken."""
        todo = iter(list(requests))

        def work() -> None:
            while True:
                with self._lock:
                    request = next(todo, None)
                if request is None:
                    return
                deadline = time.monotonic() + PATIENCE_S
                while self.send(request) not in {200, 202} and is_patient:
                    if time.monotonic() > deadline:
                        return
                    time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 no secret

        threads = [threading.Thread(target=work, daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        return threads

    def ask(self, path: str, accept: str = "application/dicom+json") -> tuple[int, bytes]:
        """Ask the DICOMweb service."""
        return self.get(self.target.dicom_web + path, accept)

    def get(self, path: str, accept: str) -> tuple[int, bytes]:
        """Ask any service, by its whole path."""
        request = Request("GET", path, headers={"Accept": accept})
        answer = self.target.ask(request)
        return answer.status, answer.body

    def assert_all_there(self, *, whole: int = 50) -> None:
        """Each acknowledged instance is listed once and counted; some are compared byte by byte."""
        await_ready(self.target)
        by_study: dict[str, set[str]] = {}
        for one, _ in self.acknowledged.values():
            by_study.setdefault(one.study, set()).add(one.instance)
        for study, wanted in by_study.items():
            _, body = self.ask(f"/studies/{study}/instances?limit=5000")
            listed = [one["00080018"]["Value"][0] for one in json.loads(body)]
            assert set(listed) >= wanted
            assert len(listed) == len(set(listed))
            _, body = self.ask(f"/studies?StudyInstanceUID={study}")
            (row,) = json.loads(body)
            assert row["00201208"]["Value"] == [len(listed)]
        everything = list(self.acknowledged.values())
        for one, content in random.sample(everything, min(whole, len(everything))):
            path = f"/studies/{one.study}/series/{one.series}/instances/{one.instance}"
            status, body = self.ask(path, "application/dicom; transfer-syntax=*")
            assert status == 200
            assert body[PREAMBLE:] == content[PREAMBLE:]


def await_all(threads: Sequence[threading.Thread]) -> None:
    """Wait for senders; fail where one of them still waits for an answer."""
    deadline = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads)


def await_ready(target: Target) -> None:
    """Wait until all parts are there again."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            if target.ask(Request("GET", "/readyz")).status == 200:
                return
        time.sleep(0.2)
    message = "The archive did not become ready again."
    raise AssertionError(message)


def await_steady(target: Target, workers: int) -> None:
    """Wait until as many web processes live on, and the archive is ready."""
    deadline = time.monotonic() + PATIENCE_S
    seen: set[int] = set()
    since = time.monotonic()
    while time.monotonic() < deadline:
        alive = {process.pid for process in web_workers(target)}
        if alive != seen or len(alive) != workers:
            seen, since = alive, time.monotonic()
        elif time.monotonic() - since > STEADY_S:
            await_ready(target)
            return
        time.sleep(0.2)
    message = "The web processes did not come back to stay."
    raise AssertionError(message)


def web_workers(target: Target) -> list[psutil.Process]:
    """List the processes that answer requests."""
    return list(processes(target, "granian", of_parent="granian"))


def processes(target: Target, word: str, *, of_parent: str = "") -> Iterator[psutil.Process]:
    """Yield processes of a Twinsight whose command, and whose parent's, names a word."""
    for root in map(psutil.Process, target.pids):
        for process in root.children(recursive=True):
            try:
                parent = process.parent()
                over = " ".join(parent.cmdline()) if parent is not None else ""
                if word in " ".join(process.cmdline()) and of_parent in over:
                    yield process
            except psutil.Error:
                continue

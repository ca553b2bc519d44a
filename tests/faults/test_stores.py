"""What was acknowledged is there, whatever dies while it is stored (RELIABILITY section 4)."""

from __future__ import annotations

import json
import random
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydicom.uid import CTImageStorage

from bench.dicom_sender import NoAssociationError, StoreFailedError, instance_of
from bench.dimse_load import associate
from bench.servers import twinsight
from tests.faults.storing import (
    PATIENCE_S,
    Senders,
    await_all,
    await_ready,
    await_steady,
    instances,
    processes,
    web_workers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.clients import Target

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# An answer says that all is well, or when to come again.
HONEST = {(200, False), (503, True)}


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """A whole Twinsight as it is run, without the workers."""
    with twinsight(with_ai=False) as started:
        yield started


@pytest.fixture
def senders(target: Target) -> Senders:
    await_ready(target)
    return Senders(target)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> str:
    """Images of this test, and of this turn of it, alone."""
    return f"{request.node.name}-{time.time_ns()}"


def kill_postmaster(target: Target) -> None:
    """Kill PostgreSQL outright, once it runs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for process in processes(target, "postgres"):
            parent = process.parent()
            if process.name() == "postgres" and (parent is None or parent.name() != "postgres"):
                process.kill()
                return
        time.sleep(0.1)
    pytest.fail("PostgreSQL did not come back")


def test_t50_kill_store(senders, seed):
    images = instances(seed, 260)
    workers = web_workers(senders.target)
    threads = senders.start(
        [[one] for one in images[:160]] + [images[at : at + 5] for at in range(160, 260, 5)],
        connections=4,
    )
    killed = 0
    while any(thread.is_alive() for thread in threads) and killed < 6:
        time.sleep(random.uniform(0.5, 2.5))  # noqa: S311 no secret
        alive = web_workers(senders.target)
        if alive:
            random.choice(alive).kill()  # noqa: S311 no secret
            killed += 1
    await_all(threads)
    await_steady(senders.target, len(workers))

    assert killed
    assert senders.answers <= HONEST
    assert len(senders.acknowledged) == 260
    senders.assert_all_there()


def test_t54_db_kill9(senders, seed):
    images = instances(seed, 400)
    threads = senders.start([[one] for one in images], connections=4)
    seen: set[int] = set()
    for _ in range(2):
        time.sleep(0.4)
        kill_postmaster(senders.target)
        for path in ("/studies?limit=1", "/instances?limit=1"):
            seen.add(senders.ask(path)[0])
    await_all(threads)

    # Whoever asks meanwhile is told so, and neither shown an error page nor left waiting.
    assert senders.answers <= HONEST
    assert seen <= {200, 204, 503}
    assert len(senders.acknowledged) == 400
    senders.assert_all_there()


def test_t55_redis_down_wiped(senders, seed):
    images = instances(seed, 100)
    threads = senders.start([[one] for one in images], connections=4, is_patient=False)
    time.sleep(0.5)
    for process in processes(senders.target, "valkey-server"):
        if process.name().startswith("valkey"):
            process.kill()
    await_all(threads)

    assert (senders.answers, senders.breaks) == ({(200, False)}, 0)
    senders.assert_all_there()


def test_t52_kill_dimse(target, senders, seed):
    images = instances(seed, 60)
    todo = list(images)
    deadline, killed = time.monotonic() + PATIENCE_S, 0
    while todo and time.monotonic() < deadline:
        try:
            sender = associate(target.dicom)
        except (OSError, NoAssociationError):
            # The other doors stay open.
            assert senders.ask("/studies?limit=1")[0] in {200, 204}
            time.sleep(0.2)
            continue
        with suppress(OSError, StoreFailedError):
            while todo:
                if len(todo) == 40 - 20 * killed and killed < 2:
                    for process in processes(target, "dicom_listener"):
                        process.kill()
                    killed += 1
                one, content = todo[0]
                instance = instance_of(content, CTImageStorage, one.instance)
                sender.store(sender.prepare(instance, len(todo)))
                todo.pop(0)
        with suppress(OSError):
            sender.release()

    assert (todo, killed) == ([], 2)
    listed = [senders.ask(f"/instances?SOPInstanceUID={one.instance}") for one, _ in images]
    assert [len(json.loads(body)) for _, body in listed] == [1] * 60


def test_t70_same_study_16(senders, seed):
    images = instances(seed, 200, per_study=200)
    twice = images * 2
    random.shuffle(twice)
    await_all(senders.start([[one] for one in twice], connections=16, is_patient=False))

    assert (senders.answers, senders.breaks) == ({(200, False)}, 0)
    assert len(senders.acknowledged) == 200
    senders.assert_all_there()


def test_t71_same_uid_race(senders, seed):
    ((one, content),) = instances(seed, 1)
    others = [content[:-64] + bytes([number]) * 64 for number in (1, 2)]
    told: list[tuple[int, int]] = []

    def send(number: int) -> None:
        told.append((number, senders.send([(one, others[number])])))

    threads = [threading.Thread(target=send, args=(n % 2,)) for n in range(32)]
    for thread in threads:
        thread.start()
    await_all(threads)

    winners = {number for number, status in told if status == 200}
    assert len(winners) == 1
    (winner,) = winners
    assert sorted(told) == sorted([(winner, 200)] * 16 + [(1 - winner, 409)] * 16)
    path = f"/studies/{one.study}/series/{one.series}/instances/{one.instance}"
    _, served = senders.ask(path, "application/dicom; transfer-syntax=*")
    assert served[128:] == others[winner][128:]


def test_t72_same_patient_race(senders, seed):
    images = instances(seed, 16, per_study=1)
    first = images[0][0].patient_id
    same = [
        (replace(one, patient_id=first), content.replace(one.patient_id.encode(), first.encode()))
        for one, content in images
    ]
    await_all(senders.start([[one] for one in same], connections=16, is_patient=False))

    assert senders.answers == {(200, False)}
    _, found = senders.get(f"/fhir/R4/Patient?identifier={first}", "application/fhir+json")
    assert json.loads(found)["total"] == 1
    _, body = senders.ask(f"/studies?PatientID={first}")
    assert len(json.loads(body)) == 16

"""Runs survive the death of their worker, of the broker and of the database connection."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.utils import timezone

from archive.audit.types import Asker
from deploy.supervisor.valkey import find_binary
from inference.models import Run
from inference.runs.control import cancel_run
from inference.runs.dispatching import due_runs
from tests.builders.datasets import make_dataset
from tests.builders.runs import due_run
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory
from tests.fixtures.services import running_worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archive.models import Project, Series
    from deploy.supervisor.endpoints import Endpoints
    from inference.models import ModelVersion

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.django_db(transaction=True),
]

INCLUDE = ("--include", "tests.builders.fault_pipelines")


class Broker:
    """A Valkey of the test's own that forgets everything when it is killed."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "v.sock"
        self.url = f"unix://{self.socket}?db=0"
        self.start()

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        options += ["--dir", str(self.socket.parent)]
        self.process = subprocess.Popen(
            [str(find_binary()), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self.socket.exists)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)


@pytest.fixture
def series(project: Project) -> Series:
    return store_datasets(make_dataset(), project=project)[0].series


@pytest.fixture
def held(tmp_path: Path) -> ModelVersion:
    """A model whose runs wait for the test."""
    return ModelVersionFactory(pipeline="held", config={"folder": str(tmp_path)})


@pytest.fixture
def worker(transactional_db: None, services: Endpoints, tmp_path: Path) -> Iterator[int]:
    with running_worker(services, tmp_path, *INCLUDE) as pid:
        yield pid


def state_is(run: Run, state: str) -> Callable[[], bool]:
    return lambda: Run.objects.get(pk=run.pk).state == state


def let_the_lease_run_out(run: Run) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(lease_until=past)


def skip_the_pause(run: Run) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Run.objects.filter(pk=run.pk, state=Run.State.QUEUED).update(not_before=past)


def begun(tmp_path: Path, attempt: int) -> Path:
    """Wait until a worker is in the midst of the work; return where its process id stands."""
    path = tmp_path / f"begun-{attempt}"
    wait_until(lambda: path.exists() and path.read_text(encoding="ascii"))
    return path


def test_run_whose_worker_is_killed_is_done_by_the_next(
    worker: int, held: ModelVersion, series: Series, tmp_path: Path
) -> None:
    run = due_run(series, held)
    os.kill(int(begun(tmp_path, 1).read_text(encoding="ascii")), signal.SIGKILL)
    let_the_lease_run_out(run)
    wait_until(state_is(run, "queued"))
    skip_the_pause(run)
    begun(tmp_path, 2)
    (tmp_path / "go").touch()

    wait_until(state_is(run, "succeeded"))

    run.refresh_from_db()
    assert (run.attempts, run.worker_deaths, run.findings.count()) == (2, 1, 1)
    assert "Its worker was gone" in run.log


def test_case_that_kills_three_workers_is_set_aside_and_others_go_on(
    worker: int, held: ModelVersion, series: Series, tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    poisoned = due_run(series, ModelVersionFactory(pipeline="deadly"))

    def is_set_aside() -> bool:
        let_the_lease_run_out(poisoned)
        skip_the_pause(poisoned)
        time.sleep(0.5)
        return state_is(poisoned, "dead")()

    wait_until(is_set_aside)
    healthy = due_run(series, held)
    wait_until(state_is(healthy, "succeeded"))

    poisoned.refresh_from_db()
    assert poisoned.worker_deaths == 3
    assert poisoned.message.startswith("Set aside: 3 workers died")


def test_running_run_is_cancelled_within_seconds(
    worker: int, held: ModelVersion, series: Series, tmp_path: Path, radiologist: object
) -> None:
    run = due_run(series, held)
    begun(tmp_path, 1)

    cancel_run(asker=Asker(door="test", user=radiologist), run_id=run.pk)
    wait_until(state_is(run, "cancelled"), seconds=60)
    (tmp_path / "go").touch()

    # The same process goes on with the next.
    after = due_run(series, ModelVersionFactory(pipeline="held", config=held.config))
    wait_until(state_is(after, "succeeded"))
    run.refresh_from_db()
    assert (run.message, run.findings.count()) == ("Cancelled while it ran.", 0)


def test_run_is_recorded_though_the_database_broke_every_connection(
    worker: int, held: ModelVersion, series: Series, tmp_path: Path
) -> None:
    run = due_run(series, held)
    begun(tmp_path, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] > 0
    (tmp_path / "go").touch()

    wait_until(state_is(run, "succeeded"))

    run.refresh_from_db()
    assert (run.attempts, run.worker_deaths, run.findings.count()) == (1, 0, 1)


def test_runs_that_the_broker_forgot_are_handed_out_again(
    services: Endpoints, held: ModelVersion, series: Series, tmp_path: Path
) -> None:
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="tw-") as folder:
        broker = Broker(Path(folder))
        try:
            with running_worker(services, tmp_path, *INCLUDE, redis_url=broker.url):
                first = due_run(series, held)
                begun(tmp_path, 1)
                second = due_run(series, ModelVersionFactory(pipeline="held", config=held.config))
                # Handed out; what was sent for it is forgotten.
                assert due_runs() == [second.pk]
                broker.kill()
                broker.start()
                (tmp_path / "go").touch()
                # The message is gone with the broker: two minutes later it is sent anew.
                past = timezone.now() - timedelta(seconds=1)
                Run.objects.filter(pk=second.pk, state="queued").update(lease_until=past)

                wait_until(state_is(first, "succeeded"))
                wait_until(state_is(second, "succeeded"))
        finally:
            broker.kill()

    assert Run.objects.filter(state="succeeded", attempts=1).count() == 2

import itertools
import os
from pathlib import Path

import pytest

from archive.bulk import tasks as bulk
from archive.inbox import tasks as inbox
from archive.statistics.broker import QUEUES
from deploy.settings.base import CELERY_BEAT_SCHEDULE
from deploy.supervisor.gpus import Gpu
from deploy.supervisor.home import Home
from deploy.supervisor.programs import (
    POOL_NICENESS_VARIABLE,
    ProgramOptions,
    child_environ,
    program_specs,
)
from inference.workitems import tasks as workitems

HOME = Home(Path("/srv/twinsight"))


def by_name(options: ProgramOptions):
    return {spec.name: spec for stage in program_specs(HOME, options) for spec in stage}


def test_doors_stop_before_workers():
    stages = [[spec.name for spec in stage] for stage in program_specs(HOME, ProgramOptions())]
    workers = ["worker-default", "worker-transfers", "worker-uploads", "worker-inference"]
    assert stages == [["web", "dicom"], ["beat"], workers]


def test_without_workers_only_the_doors_run():
    assert set(by_name(ProgramOptions(with_workers=False))) == {"web", "dicom"}


def test_websockets_are_a_process_where_a_port_is_named():
    options = ProgramOptions(with_workers=False, events_port=8123)
    argv = by_name(options)["events"].argv
    assert argv[-3:] == ("workitem_events", "--port", "8123")


def test_each_has_a_log_of_its_own():
    logs = [spec.log_file for spec in by_name(ProgramOptions()).values()]
    assert len(set(logs)) == len(logs)
    assert {log.parent for log in logs} == {HOME.logs}


def test_web_serves_wsgi_where_it_was_told_to():
    argv = by_name(ProgramOptions(bind="192.0.2.1", http_port=8123, web_workers=3))["web"].argv
    options = dict(itertools.pairwise(argv))
    assert options["--interface"] == "wsgi"
    assert (options["--host"], options["--port"], options["--workers"]) == (
        "192.0.2.1",
        "8123",
        "3",
    )


def queues_of(options: ProgramOptions) -> dict[str, str]:
    return {
        name: dict(itertools.pairwise(spec.argv))["--queues"]
        for name, spec in by_name(options).items()
        if name.startswith("worker")
    }


@pytest.mark.parametrize("label", ["default", "uploads", "inference"])
def test_each_worker_does_one_thing_at_a_time(label):
    argv = by_name(ProgramOptions())[f"worker-{label}"].argv
    assert dict(itertools.pairwise(argv))["--concurrency"] == "1"


def test_without_a_gpu_the_cpu_takes_every_queue():
    assert queues_of(ProgramOptions()) == {
        "worker-default": "default",
        "worker-transfers": "transfers",
        "worker-uploads": "uploads",
        "worker-inference": "inference,cpu,gpu,gpu-large",
    }


def test_every_queue_that_is_filled_is_emptied():
    taken = {name for queues in queues_of(ProgramOptions()).values() for name in queues.split(",")}
    options = [entry.get("options", {}) for entry in CELERY_BEAT_SCHEDULE.values()]
    beat = {one.get("queue", "default") for one in options}
    assert beat | {bulk.QUEUE, inbox.QUEUE, workitems.QUEUE} <= taken
    assert set(QUEUES) == taken


def test_each_gpu_has_a_worker_that_sees_no_other():
    options = ProgramOptions(gpus=(Gpu("0", 81_000), Gpu("1", 8_000)))
    assert queues_of(options) == {
        "worker-default": "default",
        "worker-transfers": "transfers",
        "worker-uploads": "uploads",
        "worker-inference": "inference,cpu",
        "worker-gpu-0": "gpu-large,gpu,inference",
        "worker-gpu-1": "gpu,inference",
    }
    specs = by_name(options)
    seen = {name: spec.environ.get("CUDA_VISIBLE_DEVICES") for name, spec in specs.items()}
    assert (seen["worker-gpu-0"], seen["worker-gpu-1"], seen["worker-inference"]) == ("0", "1", "")


def test_small_gpus_leave_large_models_to_the_cpu():
    options = ProgramOptions(gpus=(Gpu("0", 8_000),))
    assert queues_of(options)["worker-inference"] == "inference,cpu,gpu-large"


def test_cpu_takes_what_it_is_told_where_other_hosts_have_gpus():
    options = ProgramOptions(cpu_queues=("inference", "cpu"))
    assert queues_of(options)["worker-inference"] == "inference,cpu"


def test_only_the_worker_with_torch_keeps_memory():
    specs = by_name(ProgramOptions())
    assert specs["worker-inference"].environ["MALLOC_TRIM_THRESHOLD_"] == "1000000000"
    assert specs["worker-inference"].environ["MALLOC_MMAP_THRESHOLD_"] == "1000000000"
    assert "MALLOC_TRIM_THRESHOLD_" not in specs["web"].environ


def test_what_a_start_decided_reaches_every_process():
    options = ProgramOptions(environ={"DATABASE_URL": "postgresql://x"})
    values = {spec.environ["DATABASE_URL"] for spec in by_name(options).values()}
    assert values == {"postgresql://x"}


def test_root_may_run_celery(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert child_environ({})["C_FORCE_ROOT"] == "1"


def test_models_step_back_behind_the_doors():
    specs = by_name(ProgramOptions())
    assert specs["worker-inference"].environ[POOL_NICENESS_VARIABLE] == "10"
    assert specs["worker-default"].environ[POOL_NICENESS_VARIABLE] == "5"
    assert POOL_NICENESS_VARIABLE not in specs["web"].environ

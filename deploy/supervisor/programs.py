"""The program's own processes: what each is called, runs, needs and how it stops."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.supervisor.child import ChildSpec
from deploy.supervisor.gpus import Gpu
from deploy.supervisor.home import Home

# By how much a worker's pool steps back behind web and DICOM on the same cores.
POOL_NICENESS_VARIABLE = "TWINSIGHT_POOL_NICENESS"

PROJECT = Path(__file__).resolve().parents[2]
# PERFORMANCE.md: torch gives memory back to the system after each small batch unless told not to.
KEEP_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
}
# What models are routed to by their entry in the registry; any host may serve any of them.
GPU_QUEUES = ("gpu", "gpu-large")
WEB_STOP_S = 15.0
WORKER_STOP_S = 30.0


@dataclass(frozen=True)
class ProgramOptions:
    """What differs between one start and another."""

    bind: str = "127.0.0.1"
    http_port: int = 8000
    web_workers: int = 2
    with_workers: bool = True
    # WebSockets of the worklist; 0 for none.
    events_port: int = 0
    # HL7 by MLLP; 0 for none.
    hl7_port: int = 0
    gpus: tuple[Gpu, ...] = ()
    # What the CPU's worker takes; empty: everything that no GPU of this machine takes.
    cpu_queues: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


def program_specs(home: Home, options: ProgramOptions) -> list[list[ChildSpec]]:
    """List the processes by stage, in the order in which they start and stop: doors first."""
    environ = child_environ(options.environ)
    doors = [_web(home, options, environ), _dicom(home, environ)]
    if options.events_port:
        arguments = ("workitem_events", "--port", str(options.events_port))
        doors.append(management_spec(home, "events", arguments, environ))
    if options.hl7_port:
        arguments = ("hl7_listener", "--port", str(options.hl7_port))
        doors.append(management_spec(home, "hl7", arguments, environ))
    if not options.with_workers:
        return [doors]
    workers = [
        _worker(home, "default", ("default",), {**environ, POOL_NICENESS_VARIABLE: "5"}),
        # Sends to peers and fetches from them: two, so that a slow peer does not hold the others.
        _worker(home, "transfers", ("transfers",), environ, at_once=2),
        # Uploads and watched folders.
        _worker(home, "uploads", ("uploads",), environ),
        _inference_worker(home, _cpu_queues(options), _without_gpus(options.gpus, environ)),
        *(_gpu_worker(home, gpu, environ) for gpu in options.gpus),
    ]
    return [doors, [_beat(home, environ)], workers]


def child_environ(extra: Mapping[str, str]) -> dict[str, str]:
    """Environment of every process of the program."""
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", **extra}
    if os.geteuid() == 0:
        environ["C_FORCE_ROOT"] = "1"  # Celery asks; the content type is JSON only
    return environ


def management_spec(
    home: Home, name: str, arguments: tuple[str, ...], environ: Mapping[str, str]
) -> ChildSpec:
    """Describe a management command as a process with a log of its own."""
    return ChildSpec(
        name=name,
        argv=(sys.executable, str(PROJECT / "manage.py"), *arguments),
        log_file=home.logs / f"{name}.log",
        environ=environ,
        cwd=PROJECT,
        stop_timeout_s=WEB_STOP_S,
    )


def _web(home: Home, options: ProgramOptions, environ: Mapping[str, str]) -> ChildSpec:
    arguments = {
        "--interface": "wsgi",
        "--host": options.bind,
        "--port": str(options.http_port),
        "--workers": str(options.web_workers),
        "--blocking-threads": "8",
        # A thread takes its connection to the database along when it ends, after 30 s by itself.
        "--blocking-threads-idle-timeout": "600",
        "--workers-kill-timeout": "10",
        "--log-level": "warning",
    }
    flat = [part for pair in arguments.items() for part in pair]
    switches = ("--no-ws", "--respawn-failed-workers", "deploy.supervisor.web:application")
    return ChildSpec(
        name="web",
        argv=(sys.executable, "-m", "granian", *flat, *switches),
        log_file=home.logs / "web.log",
        # The processes count requests together there.
        environ={**environ, "PROMETHEUS_MULTIPROC_DIR": str(home.metrics)},
        cwd=PROJECT,
        stop_timeout_s=WEB_STOP_S,
    )


def _dicom(home: Home, environ: Mapping[str, str]) -> ChildSpec:
    return management_spec(home, "dicom", ("dicom_listener",), environ)


def _cpu_queues(options: ProgramOptions) -> tuple[str, ...]:
    """Return what the CPU takes: also what is meant for GPUs, where none of them does."""
    if options.cpu_queues:
        return options.cpu_queues
    taken = {queue for gpu in options.gpus for queue in gpu.queues}
    left = [queue for queue in GPU_QUEUES if queue not in taken]
    return ("inference", "cpu", *left)


def _without_gpus(gpus: tuple[Gpu, ...], environ: Mapping[str, str]) -> Mapping[str, str]:
    """Keep the CPU's worker off GPUs that have workers of their own."""
    return {**environ, "CUDA_VISIBLE_DEVICES": ""} if gpus else environ


def _inference_worker(
    home: Home, queues: tuple[str, ...], environ: Mapping[str, str], name: str = "inference"
) -> ChildSpec:
    # A person waits for a page and a modality for its answer; a model has time.
    environ = {**environ, **KEEP_MEMORY, POOL_NICENESS_VARIABLE: "10"}
    return _worker(home, name, queues, environ)


def _gpu_worker(home: Home, gpu: Gpu, environ: Mapping[str, str]) -> ChildSpec:
    """One process a GPU, which sees no other: one copy of a model on each."""
    only = {**environ, "CUDA_VISIBLE_DEVICES": gpu.index}
    return _inference_worker(home, gpu.queues, only, f"gpu-{gpu.index}")


def _worker(
    home: Home,
    label: str,
    queues: tuple[str, ...],
    environ: Mapping[str, str],
    *,
    at_once: int = 1,
) -> ChildSpec:
    name = f"worker-{label}"
    # More processes than one come when there is work for them, and go again.
    size = ("--concurrency", "1") if at_once == 1 else ("--autoscale", f"{at_once},1")
    options = ("--queues", ",".join(queues), *size, "--hostname", f"{label}@%h")
    quiet = ("--loglevel", "INFO", "--without-gossip", "--without-mingle")
    return ChildSpec(
        name=name,
        argv=(*_celery("worker"), *options, *quiet, "--include", "deploy.supervisor.pool"),
        log_file=home.logs / f"{name}.log",
        environ=environ,
        cwd=PROJECT,
        stop_timeout_s=WORKER_STOP_S,
    )


def _beat(home: Home, environ: Mapping[str, str]) -> ChildSpec:
    schedule = str(home.run / "beat-schedule")
    # No pid file: the supervisor already sees to it that there is one beat only.
    options = ("--schedule", schedule, "--pidfile=", "--loglevel", "INFO")
    return ChildSpec(
        name="beat",
        argv=(*_celery("beat"), *options),
        log_file=home.logs / "beat.log",
        environ=environ,
        cwd=PROJECT,
    )


def _celery(command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "-A", "deploy", command)

"""Print how near the product's inference comes to bare networks, on the CPU and on a GPU.

    python bench/inference.py [--images 48] [--rounds 3] [--threads 2] [--device cpu]

A scratch PostgreSQL with the settings of the product is started, filled, measured and thrown away.
Product and bare work alternate in every round, so that noise hits both: judge by the ratio, of
which the median and the extremes are given. Where the machine was busy, the heading says so.

- Embedding: a run from stored DICOM to rows in pgvector, against reading, decoding, windowing and
  resizing the same files and the bare network on them, one after the other.
- Segmentation: a run from stored DICOM to stored SEG and SR, against PyTorch with MONAI's sliding
  window on the array in memory.
- Runtimes: a network by torch, ONNX Runtime and OpenVINO, and how far their labels agree.
- GPU: our loops, with copies to the GPU, against bare PyTorch on data that are there already.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.material import files, identities
from bench.processes import end_by_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.models import ModelVersion

BATCH = 16


@dataclass(frozen=True)
class Compared:
    """Work of ours beside bare work, seconds by round."""

    what: str
    ours_s: list[float]
    bare_s: list[float]
    # Of bare to ours where at least so much is wanted, of ours to bare where at most.
    least: float | None = None
    most: float | None = None
    unit: str = "s"
    per_round: int = 1

    @property
    def ratios(self) -> list[float]:
        """The ratio that the goal is about, by round."""
        pairs = zip(self.ours_s, self.bare_s, strict=True)
        if self.least is not None:
            return [bare / ours for ours, bare in pairs]
        return [ours / bare for ours, bare in pairs]

    @property
    def is_reached(self) -> bool:
        """Whether the median ratio is on the right side of the goal."""
        ratio = median(self.ratios)
        return ratio >= self.least if self.least is not None else ratio <= (self.most or 0)

    def row(self) -> str:
        """One line of the table."""
        ratio = median(self.ratios)
        wanted = f">= {self.least}" if self.least is not None else f"<= {self.most}"
        return (
            f"| {self.what} | {self._shown(self.ours_s)} | {self._shown(self.bare_s)}"
            f" | {ratio:.2f} ({min(self.ratios):.2f}-{max(self.ratios):.2f}) | {wanted}"
            f" | {'reached' if self.is_reached else '**missed**'} |"
        )

    def _shown(self, seconds: Sequence[float]) -> str:
        middle = median(seconds)
        return f"{self.per_round / middle:.1f}/s" if self.per_round > 1 else f"{middle:.2f} s"


def main() -> int:
    """Measure in a scratch archive; 1 where a goal is missed."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="twinsight-bench-") as folder:
        Path(folder).chmod(0o755)
        os.environ["TWINSIGHT_HOME"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings.testing")
        from deploy.supervisor.services import embedded_services  # noqa: PLC0415 after the home

        with embedded_services(Path(folder)) as endpoints:
            os.environ.update(endpoints.as_environment())
            import django  # noqa: PLC0415
            from django.core.management import call_command  # noqa: PLC0415

            django.setup()
            call_command("migrate", verbosity=0)
            return _measure(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=48, help="slices of an embedded series")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of the networks; all cores if absent")
    parser.add_argument("--size", default="64x256x256", help="slices x rows x columns")
    parser.add_argument("--device", help="cpu, cuda or cuda:1; the best one if absent")
    options = parser.parse_args()
    options.shape = tuple(int(side) for side in options.size.split("x"))
    if len(options.shape) != 3 or options.rounds < 1 or options.images < 2:
        parser.error("--size has three sides; --rounds and --images are positive")
    return options


def _measure(options: argparse.Namespace) -> int:
    import torch  # noqa: PLC0415 after setup

    from inference.pipelines.devices import choose_device  # noqa: PLC0415
    from inference.runs.defaults import install_defaults  # noqa: PLC0415

    torch.set_num_threads(options.threads or len(os.sched_getaffinity(0)))
    device = choose_device(options.device or "")
    install_defaults()
    print(_machine(device), flush=True)
    print("| work | product | bare | ratio | goal | |\n|---|---:|---:|---:|---:|---|", flush=True)
    compared = []
    for measure in (_embedding, _segmentation, _gpu_embedding, _gpu_segmentation):
        if (found := measure(options, device)) is not None:
            print(found.row(), flush=True)
            compared.append(found)
    if device == "cpu":
        print("| on a GPU | - | - | - | >= 0.85 | not measured: no GPU here |")
    _print_runtimes(options)
    print(f"\nLoad average at the end: {os.getloadavg()[0]:.1f}.")
    return 0 if all(one.is_reached for one in compared) else 1


def _machine(device: str) -> str:
    import torch  # noqa: PLC0415 after setup

    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    busy = "**other work was running**" if load > 0.5 else "nothing else running"
    where = torch.cuda.get_device_name(device) if device != "cpu" else "CPU"
    return (
        f"{where}, {cores} cores, torch with {torch.get_num_threads()} threads, load average"
        f" {load:.1f} at the start: {busy}.\n"
    )


def _embedding(options: argparse.Namespace, device: str) -> Compared:
    """Time runs of the default embedder beside its parts."""
    from inference.runs.operations import embedding_version  # noqa: PLC0415 after setup

    version = embedding_version()
    _run(version, _stored(_ct_files(options, 0)))  # loads the network
    ours, bare = [], []
    for number in range(1, options.rounds + 1):
        series = _stored(_ct_files(options, number))
        steps = [lambda one=series: ours.append(_run(version, one)),
                 lambda one=series: bare.append(_bare_embedding(version, one))]  # fmt: skip
        _in_turn(steps, number)
    return Compared("embedding, DICOM to pgvector", ours, bare, least=0.8, per_round=options.images)


def _bare_embedding(version: ModelVersion, series: Any) -> float:
    """Read, decode, window, resize; then the network in ONNX Runtime; in one thread, in memory."""
    from archive.dicom.rendering import render_frame  # noqa: PLC0415 after setup
    from archive.retrieve.datasets import load_dataset  # noqa: PLC0415
    from inference.runs.execution.inputs import image_instances  # noqa: PLC0415
    from inference.similarity.spaces.embedder import encoder_of  # noqa: PLC0415

    encoder = encoder_of(version.embedding_space)
    instances = image_instances(series)
    started = time.perf_counter()
    ready = [encoder.prepare(render_frame(load_dataset(row), 0)) for row in instances]
    for first in range(0, len(ready), BATCH):
        encoder.embed(ready[first : first + BATCH])
    return time.perf_counter() - started


def _segmentation(options: argparse.Namespace, device: str) -> Compared:
    """Time whole runs of a network beside its sliding window."""
    from bench.inference_network import (  # noqa: PLC0415 torch after the settings
        PIPELINE,
        bare_seconds,
        phantom,
        scaled,
        series_files,
    )
    from inference.models import ModelVersion  # noqa: PLC0415
    from inference.runs import execution  # noqa: PLC0415

    execution.PIPELINES[PIPELINE] = "bench.inference_network.run_unet"
    version = ModelVersion.objects.create(
        name="bench-unet",
        version="1",
        task=ModelVersion.Task.SEGMENT,
        pipeline=PIPELINE,
        digest="0" * 64,
        is_trusted=True,
        config={"device": device},
    )
    first = _run(version, _stored(series_files(options.shape, 0)))
    ours, bare = [], []
    for number in range(1, options.rounds + 1):
        series = _stored(series_files(options.shape, number))
        image = scaled(phantom(options.shape, number))
        steps = [lambda one=series: ours.append(_run(version, one)),
                 lambda one=image: bare.append(bare_seconds(one, device))]  # fmt: skip
        _in_turn(steps, number)
    what = f"segmentation {options.size}, DICOM to SEG and SR (the first time {first:.1f} s)"
    return Compared(what, ours, bare, most=1.3)


def _gpu_embedding(options: argparse.Namespace, device: str) -> Compared | None:
    """Time our batches, with their way to the GPU, beside a network on data that are there."""
    if device == "cpu":
        return None
    import torch  # noqa: PLC0415 after setup

    from inference.bundles.lite_network import build_network  # noqa: PLC0415
    from inference.pipelines.embedding import LEVELS_SPACE_NAME  # noqa: PLC0415
    from inference.runs.execution.gpu_embedding import batch_images, embed_on_gpu  # noqa: PLC0415

    count, batches = batch_images(device), 20
    random = np.random.default_rng(0)
    images = [random.standard_normal((3, 224, 224), dtype=np.float32) for _ in range(count)]
    network = build_network(LEVELS_SPACE_NAME).to(device)
    there = torch.from_numpy(np.stack(images)).to(device)

    def bare_loop() -> float:
        return _timed(lambda: [network(there)[0].cpu() for _ in range(batches)])

    def our_loop() -> float:
        return _timed(
            lambda: [embed_on_gpu(LEVELS_SPACE_NAME, images, device) for _ in range(batches)]
        )

    ours, bare = [], []
    with torch.inference_mode():
        bare_loop()
        our_loop()
        for number in range(options.rounds):
            _in_turn([lambda: ours.append(our_loop()), lambda: bare.append(bare_loop())], number)
    return Compared("GPU, embedding", ours, bare, least=0.85, per_round=count * batches)


def _gpu_segmentation(options: argparse.Namespace, device: str) -> Compared | None:
    """Time our sliding window beside a bare one, both from an array in memory."""
    if device == "cpu":
        return None
    from bench.inference_network import bare_seconds, label, phantom, scaled  # noqa: PLC0415

    image = scaled(phantom(options.shape))
    bare_seconds(image, device)
    label(image, device)
    ours, bare = [], []
    for number in range(options.rounds):
        steps = [lambda: ours.append(_timed(lambda: label(image, device))),
                 lambda: bare.append(bare_seconds(image, device))]  # fmt: skip
        _in_turn(steps, number)
    return Compared("GPU, sliding window", ours, bare, least=0.85)


def _print_runtimes(options: argparse.Namespace) -> None:
    """Show what the CPU's runtimes take for the same windows, and whether they agree."""
    from bench.inference_network import label, phantom, scaled  # noqa: PLC0415 after setup

    labelled = label(scaled(phantom(options.shape)), "cpu")
    print("\n| runtime, three windows on the CPU | s | labels as torch | |\n|---|---:|---:|---|")
    for one in labelled.trials:
        used = "used" if one.runtime == labelled.runtime else ""
        print(f"| {one.runtime} | {one.seconds:.2f} | {one.agreement:.5f} | {used} |")


def _ct_files(options: argparse.Namespace, number: int) -> list[bytes]:
    return files(identities(f"inference {number}", options.images, options.images))


def _stored(contents: list[bytes]) -> Any:
    """Store files; return their series."""
    from archive.ingest.services import ingest_files  # noqa: PLC0415 after setup
    from archive.ingest.spooling import spool_stream  # noqa: PLC0415
    from archive.ingest.types import IncomingFile, Origin  # noqa: PLC0415
    from archive.models import Series  # noqa: PLC0415

    spools = [spool_stream([content]) for content in contents]
    try:
        incoming = [IncomingFile(spool) for spool in spools]
        results = ingest_files(files=incoming, origin=Origin(door="bench"))
    finally:
        for spool in spools:
            spool.close()
    refused = [result.error for result in results if not result.is_accepted]
    if refused:
        raise SystemExit(f"The archive refused the bench's images: {refused[0]}")
    return Series.objects.get(instances__sop_instance_uid=results[0].sop_instance_uid)


def _run(version: ModelVersion, series: Any) -> float:
    """Queue, claim and do one run as a worker does; return the seconds."""
    from inference.models import Run  # noqa: PLC0415 after setup
    from inference.runs.operations import run_here  # noqa: PLC0415
    from inference.runs.queueing import queue_run  # noqa: PLC0415

    run = queue_run(version=version, series=series)
    started = time.perf_counter()
    done = list(run_here([run.pk]))
    seconds = time.perf_counter() - started
    if [one.state for one in done] != [Run.State.SUCCEEDED]:
        raise SystemExit(f"The run failed: {[one.message for one in done]}")
    return seconds


def _in_turn(steps: Sequence[Callable[[], Any]], number: int) -> None:
    """Do both, the other one first in every second round."""
    for step in steps if number % 2 else reversed(steps):
        step()


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    end_by_signals()
    sys.exit(main())

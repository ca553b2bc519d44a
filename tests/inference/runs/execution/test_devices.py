"""Which device a run gets, and what becomes of it where memory or patience end; GPUs simulated."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from django.utils import timezone

from inference.errors import BundleRunError, DeviceBusyError
from inference.models import ModelVersion, Run
from inference.pipelines.devices import device_slot
from inference.pipelines.types import Segment, SegmentationResult, Volume
from inference.runs.execution import devices, segmentation
from inference.runs.execution.devices import device_of, exports_folder, on_device
from inference.runs.operations import run_here
from inference.runs.queueing import queue_run
from tests.builders.ct_series import make_ct_series
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from pathlib import Path

    from archive.models import Project

TISSUE = ("85756007", "SCT", "Tissue")


@pytest.fixture(autouse=True)
def home(settings: object, tmp_path: Path) -> Path:
    settings.TWINSIGHT_HOME = tmp_path
    settings.TWINSIGHT_MODELS_DIR = tmp_path / "models"
    return tmp_path


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpu_names", lambda: ["cuda:0", "cuda:1"])


def version(**config: object) -> ModelVersion:
    return ModelVersion(name="m", version="1", config=config)


def test_without_a_gpu_models_run_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpu_names", list)
    with device_of(version()) as device, device_of(version(device="cuda:1")) as other:
        assert (device, other) == ("cpu", "cpu")


@pytest.mark.usefixtures("two_gpus")
def test_registry_may_bind_a_model_to_a_device() -> None:
    with device_of(version(device="cpu")) as device:
        assert device == "cpu"
    with device_of(version(device="cuda:1")) as device:
        assert device == "cuda:1"


@pytest.mark.usefixtures("two_gpus")
def test_each_model_has_a_gpu_for_itself_until_all_are_taken() -> None:
    with (
        device_of(version()) as one,
        device_of(version()) as other,
        pytest.raises(DeviceBusyError),
        device_of(version(), timeout_s=0),
    ):
        pytest.fail("three models on two GPUs")
    assert {one, other} == {"cuda:0", "cuda:1"}


@pytest.mark.usefixtures("two_gpus")
def test_slots_are_as_many_as_the_settings_say(settings: object) -> None:
    settings.TWINSIGHT_GPU_SLOTS = 2
    wanted = version(device="cuda:0")
    with device_of(wanted) as one, device_of(wanted, timeout_s=0) as other:
        assert (one, other) == ("cuda:0", "cuda:0")


@pytest.mark.usefixtures("two_gpus")
def test_slot_is_free_after_the_work_and_after_its_failure() -> None:
    def fail(device: str, batch: int) -> None:
        raise BundleRunError("The bundle failed (exit 1): it was ended")

    wanted = version(device="cuda:0")
    assert on_device(wanted, lambda device, batch: (device, batch), batch=4).result == ("cuda:0", 4)
    with pytest.raises(BundleRunError):
        on_device(wanted, fail)
    with device_of(wanted, timeout_s=0) as device:
        assert device == "cuda:0"


def test_exports_lie_with_the_models(home: Path) -> None:
    assert exports_folder() == home / "models" / "exports"


@pytest.fixture
def bundle_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, home: Path, two_gpus: None
) -> Run:
    """A run of a bundle whose files and code play no part here."""
    hu = np.full((4, 8, 8), 40, dtype=np.int16)
    stored = store_datasets(*make_ct_series(hu), project=project)
    model = ModelVersionFactory(
        task=ModelVersion.Task.SEGMENT, pipeline="bundle", bundle_path=str(home), is_trusted=True
    )
    monkeypatch.setattr(segmentation, "require_runnable", lambda version: None)
    monkeypatch.setattr(segmentation, "runs_own_code", lambda version: True)
    monkeypatch.setattr(segmentation, "trusted_copy", lambda path, digest: nullcontext(path))
    run = queue_run(version=model, series=stored[0].series)
    Run.objects.update(not_before=timezone.now())
    return run


def labelled(volume: Volume, device: str) -> SegmentationResult:
    from inference.pipelines.measuring import volume_measurements

    mask = np.ones(volume.array_zyx.shape, dtype=np.uint8)
    segments = (Segment(1, "Tissue", TISSUE, TISSUE, (1,)),)
    measured = volume_measurements(mask, segments, volume.voxel_ml)
    return SegmentationResult(mask, segments, measured, device)


@pytest.mark.django_db
def test_bundle_that_fills_the_gpu_is_run_on_the_cpu(
    bundle_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def segment(bundle: Path, volume: Volume, device: str, **_: object) -> SegmentationResult:
        tried.append(device)
        if device != "cpu":
            raise BundleRunError(
                "The bundle failed (exit 1): OutOfMemoryError: CUDA out of memory."
            )
        return labelled(volume, device)

    monkeypatch.setattr(segmentation, "segment_with_bundle", segment)

    (done,) = run_here([bundle_run.pk])

    assert tried == ["cuda:0", "cpu"]
    assert done.state == Run.State.SUCCEEDED, done.message
    assert done.device == "cpu"
    assert "Memory was short" in done.message


@pytest.mark.django_db
def test_run_that_finds_every_gpu_taken_is_tried_again(
    bundle_run: Run, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(
        segmentation, "segment_with_bundle", lambda *_, **__: pytest.fail("no slot was free")
    )
    monkeypatch.setattr(devices, "device_of", partial(device_of, timeout_s=0))
    names = ["cuda:0", "cuda:1"]
    with device_slot(home / "run" / "slots", names), device_slot(home / "run" / "slots", names):
        (done,) = run_here([bundle_run.pk])

    assert done.state == Run.State.QUEUED
    assert "No slot" in done.message

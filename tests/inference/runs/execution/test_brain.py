"""ICBM152 wrapped as DICOM: through ingest, run and SEG, and back onto the head."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING

import highdicom as hd
import numpy as np
import pytest
from django.utils import timezone

from archive.models import Instance
from archive.retrieve.datasets import open_instance
from inference.bundles.brain import brain_network
from inference.bundles.trust import digest_bundle
from inference.models import ModelVersion, Run
from inference.pipelines.brain import GREY, WHITE, segment_brain
from inference.pipelines.types import Volume
from inference.runs.claiming import claim_run
from inference.runs.defaults import BRAIN_BUNDLE, install_defaults
from inference.runs.execution import execute_run
from inference.runs.queueing import queue_run, queue_runs_for_series
from inference.training.brain_tissue.atlas import atlas_file
from inference.training.brain_tissue.volumes import read_head
from tests.builders.mr_series import make_mr_series
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from pytest_django.fixtures import SettingsWrapper

    from archive.models import Project, Series

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

T1 = {"SeriesDescription": "t1_mprage_sag", "BodyPartExamined": "HEAD", "ProtocolName": "head"}


@pytest.fixture(autouse=True)
def installed(
    settings: SettingsWrapper, tmp_path: Path, embedder_path: Path, levels_path: Path
) -> None:
    for path in (embedder_path, levels_path):
        shutil.copy(path, tmp_path)
    settings.TWINSIGHT_MODELS_DIR = tmp_path
    install_defaults()


def brain_tissue() -> ModelVersion:
    return ModelVersion.objects.get(name="brain-tissue-t1")


def store(volume: Volume, project: Project, **attrs: str) -> Series:
    """Store a volume as sagittal slices in no order."""
    array = volume.array_zyx.transpose(2, 0, 1)
    affine = volume.affine_lps[:, [1, 2, 0, 3]]
    slices = make_mr_series(array, affine, **(T1 | attrs))
    np.random.default_rng(0).shuffle(slices)
    return store_datasets(*slices, project=project)[0].series


def run_on(series: Series) -> Run:
    queued = queue_run(version=brain_tissue(), series=series)
    Run.objects.update(not_before=timezone.now())
    if run := claim_run(queued.pk):
        execute_run(run)
    queued.refresh_from_db()
    return queued


def small_head() -> Volume:
    """24 sagittal slices, for what no network gets to see."""
    array = np.random.default_rng(0).random((8, 8, 24)).astype(np.float32)
    return Volume(array, np.eye(4), (1.0, 1.0, 1.0), [], tuple(range(8)), "MR")


def on_grid_of(volume: Volume, seg: Instance) -> npt.NDArray[np.uint8]:
    """Lay a stored segmentation onto a volume by its positions in the patient."""
    with open_instance(seg) as stream:
        found = hd.seg.segread(io.BytesIO(stream.read())).get_volume(combine_segments=True)
    places = np.argwhere(found.array)
    world = found.affine[:3, :3] @ places.T + found.affine[:3, 3:]
    back = np.linalg.inv(volume.affine_lps)
    x, y, z = np.rint(back[:3, :3] @ world + back[:3, 3:]).astype(int)
    mask = np.zeros(volume.array_zyx.shape, dtype=np.uint8)
    mask[z, y, x] = found.array[tuple(places.T)]
    return mask


def dice(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.timeout(900)
def test_icbm152_through_the_product_as_outside_of_it(project: Project) -> None:
    head = read_head(atlas_file("t1"))
    network = brain_network(BRAIN_BUNDLE, digest=digest_bundle(BRAIN_BUNDLE))
    outside = segment_brain(head, network).mask_zyx

    run = run_on(store(head, project))

    assert run.state == Run.State.SUCCEEDED, run.message
    assert "not evaluated" in run.message
    seg = Instance.objects.get(series__modality="SEG")
    mask = on_grid_of(head, seg)
    declared = brain_tissue().metrics
    for value, tissue, name in ((WHITE, "wm", "white"), (GREY, "gm", "grey")):
        truth = read_head(atlas_file(tissue)).array_zyx > 127.5
        reached = dice(mask == value, truth)
        assert reached == pytest.approx(dice(outside == value, truth), abs=0.005)
        assert reached == pytest.approx(declared[f"icbm152_{name}_dice"], abs=0.01)
    volumes = {one.label: one.value for one in run.findings.filter(unit="mL")}
    assert volumes["White matter"] == pytest.approx((mask == WHITE).sum() / 1000, rel=0.001)


def test_series_that_is_not_t1_weighted_is_skipped_with_a_reason(project: Project) -> None:
    run = run_on(store(small_head(), project, SeriesDescription="t2_tse_sag"))

    assert run.state == Run.State.SKIPPED
    assert "named T2" in run.message


def test_only_mr_heads_get_it_by_themselves(project: Project) -> None:
    head = store(small_head(), project)
    knee = store(small_head(), project, BodyPartExamined="KNEE")

    queue_runs_for_series([head.pk, knee.pk])

    assert Run.objects.get(model_version=brain_tissue()).series == head
    assert "shows KNEE" in run_on(knee).message


def test_registry_knows_what_the_bundle_declares() -> None:
    version = brain_tissue()
    assert version.licence == "Apache-2.0"
    assert version.inputs["contrast"] is False
    assert [one["name"] for one in version.labels] == ["White matter", "Grey matter", "CSF"]
    assert "not for diagnosis" in version.intended_use
    assert version.card.startswith("# Brain tissue")
    assert not version.is_diagnostic
    assert version.state == ModelVersion.State.ACTIVE

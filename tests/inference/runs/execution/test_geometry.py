"""From stored DICOM through a run to SEG and back: the same voxels, however they were stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import highdicom as hd
import nilearn
import numpy as np
import pydicom
import pytest
from django.utils import timezone
from pydicom.uid import generate_uid
from scipy import ndimage

from archive.models import Instance
from archive.retrieve.datasets import load_dataset
from inference.bundles.trust import digest_bundle
from inference.models import ModelVersion, Run
from inference.pipelines.bundle_runner import run_bundle
from inference.pipelines.segmentation import segment_ct
from inference.pipelines.volumes import read_volume
from inference.runs.operations import run_here
from inference.runs.queueing import queue_run
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.mr_series import make_mr_series, read_nifti_lps
from tests.builders.planes import AXIAL, CORONAL, SAGITTAL, UPSIDE_DOWN, in_plane
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from archive.models import Project

pytestmark = pytest.mark.django_db

# Of what the model gives outside the product, for each structure.
LEAST_DICE = 0.995


def segment_series(series: list[Dataset], project: Project, **version: object) -> Run:
    """Store a series in any order, run a model on it, return the run."""
    order = np.random.default_rng(1).permutation(len(series))
    stored = store_datasets(*(series[index] for index in order), project=project)
    model = ModelVersionFactory(task=ModelVersion.Task.SEGMENT, is_trusted=True, **version)
    queued = queue_run(version=model, series=stored[0].series)
    Run.objects.filter(pk=queued.pk).update(not_before=timezone.now())
    (run,) = run_here([queued.pk])
    assert run.state == Run.State.SUCCEEDED, run.message
    return run


def segments_of(run: Run, series: list[Dataset]) -> dict[str, np.ndarray]:
    """Read the stored SEG: for each label the voxels, slice by slice as in the given series."""
    ds = load_dataset(Instance.objects.get(sop_instance_uid=run.outputs["seg"]))
    seg = hd.seg.Segmentation.from_dataset(ds)
    uids = [one.SOPInstanceUID for one in series]
    channels = seg.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    return {
        str(item.SegmentLabel): channels[..., number] > 0
        for number, item in enumerate(ds.SegmentSequence)
    }


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def ct_in_plane(hu: np.ndarray, plane: tuple) -> list[Dataset]:
    array, affine = in_plane(hu, np.diag([2.5, 2.5, 2.5, 1.0]), *plane)
    series = make_ct_series(array, spacing_zyx=(2.5, 2.5, 2.5))
    for index, ds in enumerate(series):
        ds.ImageOrientationPatient = [*(affine[:3, 0] / 2.5), *(affine[:3, 1] / 2.5)]
        ds.ImagePositionPatient = list(affine[:3, 3] + index * affine[:3, 2])
    return series


@pytest.mark.slow
@pytest.mark.parametrize("plane", [AXIAL, SAGITTAL, CORONAL, UPSIDE_DOWN])
def test_chest_in_any_plane_and_order_is_segmented_as_outside(
    plane: tuple, project: Project
) -> None:
    hu = chest_phantom()
    outside = segment_ct(read_volume(make_ct_series(hu, spacing_zyx=(2.5, 2.5, 2.5))))
    series = ct_in_plane(hu, plane)

    found = segments_of(segment_series(series, project, pipeline="ct_threshold"), series)

    for segment in outside.segments:
        axial = np.isin(outside.mask_zyx, segment.values)
        expected, _ = in_plane(axial, np.eye(4), *plane)
        assert dice(found[segment.label], expected) >= LEAST_DICE, segment.label


@pytest.fixture
def real_ct(shared_data: Path) -> list[Dataset]:
    """Twenty real slices; whoever published them took their identifiers away."""
    folder = shared_data / "segmentation" / "ct_dicom_20slices" / "dicom"
    series = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]  # noqa: TID251 the test's own reference files
    study_uid, series_uid = generate_uid(), generate_uid()
    for ds in series:
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid, series_uid
        ds.PatientID = "TEST-CT"
    return series


@pytest.mark.slow
def test_real_ct_is_segmented_as_outside(real_ct: list[Dataset], project: Project) -> None:
    volume = read_volume(real_ct)
    outside = segment_ct(volume)

    run = segment_series(real_ct, project, pipeline="ct_threshold")

    found = segments_of(run, volume.datasets)
    assert set(found) == {segment.label for segment in outside.segments}
    for segment in outside.segments:
        expected = np.isin(outside.mask_zyx, segment.values)
        assert dice(found[segment.label], expected) >= LEAST_DICE, segment.label


@pytest.mark.slow
def test_tilted_gantry_keeps_volume_and_place(project: Project) -> None:
    """Each slice is shifted along its columns: the same voxels, on a sheared grid."""
    hu = chest_phantom()
    series = make_ct_series(hu, spacing_zyx=(2.5, 2.5, 2.5))
    angle = np.deg2rad(12)
    outside = segment_ct(read_volume(series))
    tilt = [0, np.cos(angle), -np.sin(angle)]
    for index, ds in enumerate(series):
        ds.ImageOrientationPatient = [1, 0, 0, *tilt]
        ds.ImagePositionPatient = [0, 0, index * 2.5]
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()

    run = segment_series(series, project, pipeline="ct_threshold")

    found = segments_of(run, series)
    expected = np.isin(outside.mask_zyx, outside.segments[0].values)
    assert dice(found["Body"], expected) >= LEAST_DICE
    body = run.findings.get(label="Body", unit="mL")
    voxel_ml = 2.5**3 * np.cos(angle) / 1000
    assert body.value == pytest.approx(found["Body"].sum() * voxel_ml, rel=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_brain_by_a_real_bundle_from_sagittal_slices_is_segmented_as_outside(
    project: Project, shared_models: Path
) -> None:
    data = Path(nilearn.__file__).parent / "datasets" / "data"
    array, affine = read_nifti_lps(data / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    bundle = shared_models / "brain_t1_meshnet_light"
    outside = run_bundle(bundle, read_volume(make_mr_series(array, affine)), "cpu").mask_zyx
    series = make_mr_series(*in_plane(array, affine, *SAGITTAL))

    run = segment_series(
        series,
        project,
        pipeline="bundle",
        bundle_path=str(bundle),
        digest=digest_bundle(bundle),
        config={"device": "cpu"},
    )

    found = segments_of(run, series)
    for value, label in ((1, "white matter"), (2, "grey matter")):
        expected, _ = in_plane(outside == value, np.eye(4), *SAGITTAL)
        (mask,) = (mask for name, mask in found.items() if name.lower() == label)
        assert dice(mask, expected) >= LEAST_DICE, label


# Dice with the truth, through the product from a series on another grid, against Dice with the
# truth outside it on the bundle's own grid.
MOST_LOST = 0.02


def _template(name: str) -> tuple[np.ndarray, np.ndarray]:
    data = Path(nilearn.__file__).parent / "datasets" / "data"
    return read_nifti_lps(data / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")


def _with_slices_of(thickness: float, array: np.ndarray, order: int) -> np.ndarray:
    factors = (1 / thickness, 1, 1)
    values = array.astype(np.float32)
    made = ndimage.zoom(values, factors, order=order, grid_mode=True, mode="nearest")
    return np.clip(made, 0, array.max())


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_brain_from_thicker_slices_is_segmented_nearly_as_well_as_on_the_bundles_own_grid(
    project: Project, shared_models: Path
) -> None:
    bundle = shared_models / "brain_t1_meshnet_light"
    array, affine = _template("t1")
    truth = {"white matter": _template("wm")[0], "grey matter": _template("gm")[0]}
    outside = run_bundle(bundle, read_volume(make_mr_series(array, affine)), "cpu").mask_zyx
    thick = _with_slices_of(1.5, array, order=3)
    step = len(array) / len(thick)
    moved = affine.copy()
    moved[:3, 3] += affine[:3, 2] * (step - 1) / 2
    moved[:3, 2] *= step
    series = make_mr_series(thick, moved)

    run = segment_series(
        series,
        project,
        pipeline="bundle",
        bundle_path=str(bundle),
        digest=digest_bundle(bundle),
        config={"device": "cpu"},
    )

    found = segments_of(run, series)
    for value, label in ((1, "white matter"), (2, "grey matter")):
        half = truth[label].max() / 2
        reached = dice(outside == value, truth[label] >= half)
        (mask,) = (mask for name, mask in found.items() if name.lower() == label)
        here = dice(mask, _with_slices_of(1.5, truth[label], order=1) >= half)
        assert here == pytest.approx(reached, abs=MOST_LOST), label

"""Stored DICOM in; vectors, findings, SR and SEG out."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import highdicom as hd
import nilearn
import pytest
from django.utils import timezone
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin
from archive.models import Instance, Series
from archive.retrieve.datasets import load_dataset, open_instance
from deploy.demo.cohort import CHEST_CT, CHEST_FILM, Visit
from deploy.demo.datasets import visit_files
from deploy.demo.people import PEOPLE
from inference.bundles.registry import register_bundle
from inference.bundles.states import set_state
from inference.bundles.trust import digest_bundle
from inference.models import Embedding, ModelVersion, Run
from inference.runs.claiming import claim_run
from inference.runs.defaults import install_defaults
from inference.runs.dispatching import due_runs
from inference.runs.execution import execute_run
from inference.runs.queueing import queue_run, queue_runs_for_series
from tests.builders.datasets import as_part10, make_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.models import Project

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

T1_NAME = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def installed(db: None, settings: object, models_dir: Path) -> None:
    settings.TWINSIGHT_MODELS_DIR = models_dir
    install_defaults()


def store(contents: Iterable[bytes], project: Project) -> None:
    spools = [spool_stream([content]) for content in contents]
    try:
        origin = Origin(door="test", project=project)
        results = ingest_files(files=[IncomingFile(spool) for spool in spools], origin=origin)
        assert all(result.is_accepted for result in results), results
    finally:
        for spool in spools:
            spool.close()


def store_visit(kind: str, project: Project) -> None:
    visit = Visit(900, PEOPLE[5], "20250601", "101500", kind, "no finding", 0)
    store((file.content for file in visit_files(visit)), project)


def run_all() -> dict[str, Run]:
    queue_runs_for_series(Series.objects.values_list("pk", flat=True))
    Run.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    # What nobody waits for is handed out after the rest.
    while keys := due_runs():
        for key in keys:
            run = claim_run(key)
            if run is not None:
                execute_run(run)
    return {run.model_version.name: run for run in Run.objects.select_related("model_version")}


def as_file(instance: Instance) -> io.BytesIO:
    with open_instance(instance) as stream:
        return io.BytesIO(stream.read())


def test_chest_ct_gets_vectors_findings_sr_and_seg(project: Project) -> None:
    store_visit(CHEST_CT, project)
    source = Series.objects.get()

    runs = run_all()

    assert {run.state for run in runs.values()} == {Run.State.SUCCEEDED}, {
        name: run.message for name, run in runs.items()
    }
    count = source.number_of_series_related_instances
    for space in ("lite0-ml-v1", "lite0-b12-v1"):
        vectors = Embedding.objects.filter(series=source, space__name=space)
        assert vectors.filter(level="instance").count() == count
        assert vectors.filter(level="series").count() == 1
    volumes = {f.label: f.value for f in runs["ct-body-bone-lung"].findings.all()}
    assert volumes.keys() >= {"Body", "Bone"}, volumes
    assert any("lung" in label.lower() for label in volumes), volumes
    seg = Instance.objects.get(series__modality="SEG")
    segmentation = hd.seg.segread(as_file(seg))
    assert seg.series.study == source.study
    assert segmentation.number_of_segments >= 3
    assert Instance.objects.filter(series__modality="SR").count() == 2
    for report in Instance.objects.filter(series__modality="SR"):
        hd.sr.srread(as_file(report))


def test_head_states_modality_and_body_part_with_device(project: Project) -> None:
    store_visit(CHEST_CT, project)

    run = run_all()["modality-body-part"]

    stated = {f.name: (f.label, f.probability) for f in run.findings.all()}
    assert stated.keys() == {"modality", "body_part"}
    assert stated["modality"][0] == "CT"
    assert run.device in {"cpu", "cuda"}


def test_radiograph_is_no_input_for_the_ct_model(project: Project) -> None:
    store_visit(CHEST_FILM, project)

    assert "ct-body-bone-lung" not in run_all()


def test_repeated_attempt_stores_no_second_result(project: Project) -> None:
    store_visit(CHEST_CT, project)
    runs = run_all()
    before = Instance.objects.count()
    Run.objects.filter(pk=runs["ct-body-bone-lung"].pk).update(state=Run.State.QUEUED)

    again = claim_run(runs["ct-body-bone-lung"].pk)
    assert again is not None
    execute_run(again)

    again.refresh_from_db()
    assert again.state == Run.State.SUCCEEDED
    assert Instance.objects.count() == before


def test_undecodable_images_end_the_run_with_a_reason(project: Project) -> None:
    garbage = encapsulate([b"no JPEG 2000 codestream at all" * 4])
    ds = make_dataset(transfer_syntax=JPEG2000Lossless, PixelData=garbage)
    store([as_part10(ds)], project)

    run = run_all()["lite0-b12-v1"]

    assert run.state == Run.State.SKIPPED
    assert "decoded" in run.message


# Two hundred images to embed and a network in a process of its own.
@pytest.mark.timeout(900)
def test_icbm_brain_by_a_trusted_monai_bundle(
    project: Project, shared_models: Path, models_dir: Path
) -> None:
    from archive.audit.types import Asker
    from tests.builders.mr_series import make_mr_series, read_nifti_lps

    t1 = Path(nilearn.__file__).parent / "datasets" / "data" / T1_NAME
    bundle = shared_models / "brain_t1_meshnet_light"
    store((as_part10(ds) for ds in make_mr_series(*read_nifti_lps(t1))), project)
    register_bundle(
        asker=Asker(door="command"),
        bundle_dir=bundle,
        models_dir=models_dir,
        name="brain-t1",
        trust_digest=digest_bundle(bundle),
    )
    set_state(name="brain-t1", version="", state=ModelVersion.State.ACTIVE)

    run = run_all()["brain-t1"]

    assert run.state == Run.State.SUCCEEDED, run.message
    volumes = {f.label: f.value for f in run.findings.filter(name="Volume")}
    assert len(volumes) == 2
    # Grey and white matter of an adult are each some 400 to 900 mL.
    assert all(300 < (value or 0) < 1200 for value in volumes.values()), volumes
    seg = Instance.objects.get(series__modality="SEG")
    assert load_dataset(seg).SegmentSequence[0].SegmentAlgorithmName == "brain-t1"


def test_untrusted_bundle_never_runs(
    project: Project, shared_models: Path, models_dir: Path
) -> None:
    from archive.audit.types import Asker

    store_visit(CHEST_FILM, project)
    version = register_bundle(
        asker=Asker(door="command"),
        bundle_dir=shared_models / "brain_t1_meshnet_light",
        models_dir=models_dir,
        name="brain-t1",
    )
    # Elsewhere it would not run in any case.
    ModelVersion.objects.update(inputs={})
    run = queue_run(version=version, series=Series.objects.get())
    Run.objects.update(not_before=timezone.now())

    claimed = claim_run(run.pk)
    assert claimed is not None
    execute_run(claimed)

    claimed.refresh_from_db()
    assert claimed.state == Run.State.DEAD
    assert "trusted" in claimed.message

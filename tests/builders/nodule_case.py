"""A chest CT with a nodule, the detector of the distribution, and a run of a model on a series."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils import timezone

from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin
from archive.models import Series
from deploy.demo.cohort import CHEST_CT, Visit
from deploy.demo.datasets import visit_files
from deploy.demo.people import PEOPLE
from inference import bundles
from inference.bundles.trust import digest_bundle
from inference.models import ModelVersion, Run
from inference.runs.claiming import claim_run
from inference.runs.execution import execute_run
from inference.runs.queueing import queue_run

if TYPE_CHECKING:
    from archive.models import Project

BUNDLE = Path(bundles.__file__).parent / "data" / "lung_nodule_ct"


def store_chest(project: Project) -> Series:
    """Store a chest CT with one nodule of about 20 mm."""
    visit = Visit(901, PEOPLE[0], "20250601", "101500", CHEST_CT, "lung nodule", 1.2)
    spools = [spool_stream([file.content]) for file in visit_files(visit)]
    results = ingest_files(
        files=[IncomingFile(spool) for spool in spools],
        origin=Origin(door="test", project=project),
    )
    for spool in spools:
        spool.close()
    assert all(result.is_accepted for result in results)
    return Series.objects.get()


def make_detector() -> ModelVersion:
    """Register the detector, active, so that everybody sees what it finds."""
    return ModelVersion.objects.create(
        name="lung-nodule-ct",
        version="1",
        task=ModelVersion.Task.DETECT,
        pipeline="heatmap_detector",
        state=ModelVersion.State.ACTIVE,
        digest=digest_bundle(BUNDLE),
        bundle_path=str(BUNDLE),
        config={"threshold": 0.4, "finding": "lung nodule"},
        is_trusted=True,
    )


def run_once(version: ModelVersion, series: Series) -> Run:
    """Run a model on a series here and now."""
    run = queue_run(version=version, series=series)
    Run.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    claimed = claim_run(run.pk)
    assert claimed is not None
    execute_run(claimed)
    claimed.refresh_from_db()
    assert claimed.state == Run.State.SUCCEEDED, claimed.message
    return claimed

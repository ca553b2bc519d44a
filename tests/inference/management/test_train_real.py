"""Real chest radiographs: from labels in a file to a promoted model that runs, by commands."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from bench.retrieval_product import as_dicom
from inference.models import ModelVersion, Run, TrainingRun
from inference.runs.claiming import claim_run
from inference.runs.defaults import EMBEDDER, _register_embedder
from inference.runs.execution import execute_run
from inference.runs.queueing import queue_runs_for_series
from inference.training.labelled_images import read_labelled_images
from tests.builders.stored import store_bytes

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(900)]

LABELS = ("cxr_no_finding", "cxr_covid19")
EACH = 24


@pytest.fixture
def models_dir(settings, tmp_path, embedder_path):
    folder = tmp_path / "models"
    folder.mkdir()
    path = folder / embedder_path.name
    path.write_bytes(embedder_path.read_bytes())
    settings.TWINSIGHT_MODELS_DIR = folder
    _register_embedder(EMBEDDER, 384, path)
    return folder


@pytest.fixture
def radiographs(shared_data, project, tmp_path):
    """So many of each label, archived; the labels' file beside them."""
    images = read_labelled_images(shared_data / "retrieval")
    chosen = [one for label in LABELS for one in [x for x in images if x.label == label][:EACH]]
    instances = store_bytes(*(as_dicom(one, one.path.name) for one in chosen), project=project)
    rows = [
        f"{instance.series.series_instance_uid},chest,{image.label}"
        for image, instance in zip(chosen, instances, strict=True)
    ]
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(["series,label_set,label", *rows]) + "\n")
    return path, instances


def command(*arguments) -> str:
    said = io.StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


def test_labels_in_a_file_become_a_promoted_model(radiographs, models_dir):
    labels, instances = radiographs
    command("import_labels", str(labels))

    said = command(
        "train", "chest-covid19", "--label-set", "chest", "--folds", "3", "--variants", "2",
        "--epochs", "80", "--patience", "20",
    )  # fmt: skip

    training = TrainingRun.objects.get()
    assert training.state == TrainingRun.State.SUCCEEDED
    assert training.metrics["cases"] == 2 * EACH
    # Two hospitals: what it tells apart is as much the hospital as the lungs.
    assert training.metrics["accuracy"][0] >= 0.9
    assert "| class | cases | precision | recall | F1 | AUC |" in said
    assert "models promote chest-covid19" in said
    assert "chest-covid19  succeeded" in command("train", "--list")

    command("models", "promote", "chest-covid19")
    assert ModelVersion.objects.get(name="chest-covid19").state == "active"
    queue_runs_for_series([instances[0].series_id])
    Run.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    run = Run.objects.get(model_version__name="chest-covid19")
    claimed = claim_run(run.pk)
    assert claimed is not None
    execute_run(claimed)
    claimed.refresh_from_db()
    assert claimed.state == Run.State.SUCCEEDED, claimed.message
    assert claimed.findings.get().label == "cxr_no_finding"

"""From labels of the archive to a draft in the registry that runs on a series."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.models import AuditEvent, Instance
from inference.bundles.states import set_state
from inference.models import ModelVersion, Run, TrainingRun
from inference.runs.claiming import claim_run
from inference.runs.defaults import EMBEDDER, _register_embedder
from inference.runs.execution import execute_run
from inference.runs.queueing import queue_run
from inference.training import fitting
from inference.training.fitting import fit_training
from inference.training.services import (
    cancel_training,
    claim_training,
    request_training,
    resume_training,
)
from tests.builders.striped_patients import ACROSS, make_striped_patients

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(600)]

OPERATOR = Asker(door="command", name="test")
QUICK = {
    "name": "stripes",
    "label_set": "stripes",
    "epochs": 40,
    "patience": 10,
    "variants": 2,
    "batch_size": 8,
    "learning_rate": 0.01,
}
SMALL_NETWORK = QUICK | {
    "backbone": "resnet18",
    "is_frozen": False,
    "image_side": 32,
    "epochs": 4,
    "learning_rate": 0.003,
    "augmentation": ["intensity", "noise"],
}


@pytest.fixture
def models_dir(settings, tmp_path, embedder_path):
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(embedder_path, folder)
    settings.TWINSIGHT_MODELS_DIR = folder
    _register_embedder(EMBEDDER, 384, folder / embedder_path.name)
    return folder


@pytest.fixture
def instances(project, models_dir):
    return make_striped_patients(project)


def train(**values) -> TrainingRun:
    training = request_training(OPERATOR, {**QUICK, **values})
    fit(training)
    return training


def fit(training) -> None:
    claimed = claim_training(training.pk)
    assert claimed is not None
    fit_training(claimed)
    training.refresh_from_db()


def run_on(version, series) -> Run:
    run = queue_run(version=version, series=series)
    Run.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    claimed = claim_run(run.pk)
    assert claimed is not None
    execute_run(claimed)
    claimed.refresh_from_db()
    return claimed


def test_labels_become_a_draft_that_runs_on_a_series(instances):
    training = train()

    assert training.state == TrainingRun.State.SUCCEEDED, training.message
    version = training.model_version
    assert version is not None
    assert (version.state, version.task, version.pipeline) == ("draft", "classify", "classifier")
    assert {one["name"] for one in version.labels} == {"across", "down"}
    assert training.metrics["accuracy"][0] == 1.0
    assert training.metrics["export"]["onnx"] < 1e-4
    assert {"sex", "age_group", "scanner"} <= set(training.metrics["subgroups"])
    assert "Not for diagnostic use" in version.card
    assert version.inputs["modalities"] == ["CT"]
    run = run_on(version, instances[0].series)
    assert run.state == Run.State.SUCCEEDED, run.message
    (finding,) = run.findings.all()
    assert (finding.name, finding.label) == ("stripes", ACROSS)
    assert Instance.objects.filter(sop_instance_uid=run.outputs["sr"]).exists()
    assert set_state(name="stripes", version="1", state="active").state == "active"


def test_network_of_monai_is_trained_exported_and_lends_its_weights(instances):
    training = train(**SMALL_NETWORK)

    assert training.state == TrainingRun.State.SUCCEEDED, training.message
    version = training.model_version
    assert version is not None
    bundle = Path(version.bundle_path)
    assert {one.name for one in (bundle / "models").iterdir()} == {
        "model.pt",
        "model.ts",
        "model.onnx",
    }
    run = run_on(version, instances[1].series)
    assert run.state == Run.State.SUCCEEDED, run.message
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert metadata["twinsight"]["config"]["network"] == "resnet18"
    _is_explained_as_its_entry_says(version, instances)
    again = train(**SMALL_NETWORK | {"backbone": "model:stripes", "epochs": 2})
    assert again.state == TrainingRun.State.SUCCEEDED, again.message
    assert again.model_version is not None
    assert again.model_version.version == "2"


def _is_explained_as_its_entry_says(version, instances) -> None:
    methods = []
    ways = ({}, {"explain_method": "grad-cam"}, {"explain_layer": "body.none"})
    for way, instance in zip(ways, instances[2:5], strict=True):
        version.config = {**version.config, **way}
        version.save()
        run = run_on(version, instance.series)
        assert run.state == Run.State.SUCCEEDED, run.message
        methods.append(run.outputs.get("overlay", {}).get("method", run.message))
    assert methods[:2] == ["occlusion", "grad-cam"]
    assert "no layer 'body.none'" in methods[2]


def test_cancelled_training_goes_on_from_its_checkpoint(instances, monkeypatch):
    training = request_training(OPERATOR, {**QUICK, **SMALL_NETWORK})
    monkeypatch.setattr(fitting, "_TELL_EVERY_S", 0.0)
    told = []

    def cancel_after_two(progress):
        told.append(dict(progress))
        if progress.get("epoch") == 2:
            TrainingRun.objects.filter(pk=training.pk).update(cancel_requested_at=timezone.now())

    claimed = claim_training(training.pk)
    assert claimed is not None
    fit_training(claimed, say=cancel_after_two)
    training.refresh_from_db()
    assert training.state == TrainingRun.State.CANCELLED
    assert (Path(training.folder) / "split-0.checkpoint").is_file()
    assert (Path(training.folder) / "tensorboard").is_dir()

    resume_training(OPERATOR, training.pk)
    again = claim_training(training.pk)
    assert again is not None
    told.clear()
    fit_training(again, say=lambda progress: told.append(dict(progress)))
    training.refresh_from_db()

    assert training.state == TrainingRun.State.SUCCEEDED, training.message
    epochs = [one["epoch"] for one in told if one.get("stage") == "learning"]
    assert epochs[0] == 2
    assert max(epochs) == 4
    assert ModelVersion.objects.filter(name="stripes").count() == 1
    assert AuditEvent.objects.filter(act="resume-training").exists()


def test_too_few_labels_end_the_training_with_a_reason(project, models_dir):
    make_striped_patients(project, count=4)

    training = train()

    assert training.state == TrainingRun.State.FAILED
    assert "needs 2 labels" in training.message


def test_waiting_training_is_cancelled_at_once(instances):
    training = request_training(OPERATOR, QUICK)

    cancel_training(OPERATOR, training.pk)

    assert claim_training(training.pk) is None
    assert TrainingRun.objects.get(pk=training.pk).state == TrainingRun.State.CANCELLED

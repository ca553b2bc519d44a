"""From SEG objects of the archive to a draft in the registry that writes SEGs itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import torch
from django.utils import timezone

from archive.audit.types import Asker
from archive.errors import InvalidRequestError
from archive.models import Instance
from archive.retrieve.datasets import load_dataset
from inference.bundles.states import set_state
from inference.models import Run, TrainingRun
from inference.runs.claiming import claim_run
from inference.runs.execution import execute_run
from inference.runs.queueing import queue_run
from inference.training import fitting
from inference.training.fitting import fit_training
from inference.training.services import claim_training, request_training, resume_training
from tests.builders.masked_patients import make_ball_series, make_masked_patients
from tests.builders.stored import store_datasets

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(600)]

OPERATOR = Asker(door="command", name="test")
QUICK = {
    "name": "balls",
    "segments": ["SCT:27925004"],
    "epochs": 12,
    "patience": 12,
    "learning_rate": 0.02,
    "patch_side": 16,
    "width": 4,
    "augmentation": ["flip", "intensity"],
}
# Far more than chance: a ball guessed as the whole body has .1.
LEAST_DICE = 0.5


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def models_dir(settings, tmp_path):
    settings.TWINSIGHT_MODELS_DIR = tmp_path / "models"
    settings.TWINSIGHT_MODELS_DIR.mkdir()


def fit(training, **options) -> None:
    claimed = claim_training(training.pk)
    assert claimed is not None
    fit_training(claimed, **options)
    training.refresh_from_db()


def run_on(version, series) -> Run:
    run = queue_run(version=version, series=series)
    Run.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    claimed = claim_run(run.pk)
    assert claimed is not None
    execute_run(claimed)
    claimed.refresh_from_db()
    return claimed


def test_masks_become_a_draft_that_is_promoted_and_segments_a_new_patient(project):
    make_masked_patients(project)
    training = request_training(OPERATOR, QUICK)

    fit(training)

    assert training.state == TrainingRun.State.SUCCEEDED, training.message
    version = training.model_version
    assert version is not None
    assert (version.state, version.task, version.pipeline) == ("draft", "segment", "bundle")
    assert version.checks["passed"]
    assert not version.checks["trust_needed"]
    metrics = training.metrics
    assert metrics["mean_dice"][0] > LEAST_DICE
    assert metrics["classes"][0]["hausdorff_95_mm"][0] is not None
    assert {"sex", "age_group", "scanner"} <= set(metrics["subgroups"])
    assert max(metrics["export"].values()) < 1e-4
    assert metrics["warnings"][0].startswith("Judged on ")
    assert "Not for diagnostic use" in version.card
    assert version.inputs["modalities"] == ["CT"]
    names = {one.name for one in (Path(version.bundle_path) / "models").iterdir()}
    assert names == {"model.safetensors", "model.ts", "model.onnx"}
    assert (Path(training.folder) / "tensorboard").is_dir()

    set_state(name="balls", version="1", state="active")
    version.refresh_from_db()
    datasets, mask = make_ball_series(100)
    stored = store_datasets(*datasets, project=project)
    run = run_on(version, stored[0].series)

    assert run.state == Run.State.SUCCEEDED, run.message
    ds = load_dataset(Instance.objects.get(sop_instance_uid=run.outputs["seg"]))
    (segment,) = ds.SegmentSequence
    assert segment.SegmentLabel == "Ball"
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "27925004"
    seg = hd.seg.Segmentation.from_dataset(ds)
    uids = [one.SOPInstanceUID for one in datasets]
    found = seg.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)[..., 0]
    dice = 2 * (found & mask).sum() / (int(np.sum(found)) + int(mask.sum()))
    assert dice > LEAST_DICE


def test_cancelled_training_goes_on_from_its_checkpoint(project, monkeypatch):
    make_masked_patients(project, count=4)
    training = request_training(OPERATOR, QUICK | {"epochs": 3})
    monkeypatch.setattr(fitting, "_TELL_EVERY_S", 0.0)

    def cancel_after_one(progress):
        if progress.get("epoch") == 1:
            TrainingRun.objects.filter(pk=training.pk).update(cancel_requested_at=timezone.now())

    fit(training, say=cancel_after_one)
    assert training.state == TrainingRun.State.CANCELLED, training.message
    assert (Path(training.folder) / "split-0.checkpoint").is_file()

    resume_training(OPERATOR, training.pk)
    epochs = []
    fit(training, say=lambda told: epochs.append(told.get("epoch")))

    assert training.state == TrainingRun.State.SUCCEEDED, training.message
    assert next(one for one in epochs if one) == 1
    assert max(one for one in epochs if one) == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"segments": ["liver"]}, "No segmentation of this archive has a segment “liver”"),
        ({"masks_by": "models"}, "No segmentation of this archive has a segment"),
    ],
)
def test_absent_masks_end_the_training_with_a_reason(project, changes, words):
    make_masked_patients(project, count=1)
    training = request_training(OPERATOR, QUICK | changes)

    fit(training)

    assert training.state == TrainingRun.State.FAILED
    assert words in training.message


def test_too_few_patients_end_the_training_with_a_reason(project):
    make_masked_patients(project, count=2)
    training = request_training(OPERATOR, QUICK)

    fit(training)

    assert training.state == TrainingRun.State.FAILED
    assert "needs 3 patients" in training.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label_set": "finding"}, "one of them"),
        ({"folds": 5}, "one split"),
        ({"backbone": "resnet18"}, "learned by unet"),
        ({"patch_side": 20}, "multiple of 8"),
        ({"masks_by": "nobody"}, "masks_by is one of"),
        ({"segments": ["a", "a"]}, "each segment once"),
    ],
)
def test_recipe_says_what_is_wrong(changes, words):
    with pytest.raises(InvalidRequestError, match=words):
        request_training(OPERATOR, QUICK | changes)

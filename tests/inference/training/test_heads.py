import json

import numpy as np
import pytest

from inference.pipelines.classification import LinearHead
from inference.training.heads import patient_folds, train_modality_body_part
from inference.training.labelled_images import LabelledImage
from tests.builders.labelled_images import make_striped_set


def labelled(path, patient, pair="CT/HEAD"):
    modality, body_part = pair.split("/")
    return LabelledImage(path, "x", modality, body_part, patient, "CC0", "made here")


def test_patient_folds_keep_a_patient_together_and_spread_classes(tmp_path):
    images = [labelled(tmp_path, f"p{index // 3}") for index in range(60)]
    classes = np.arange(60) // 3 % 2
    folds = patient_folds(images, classes, 5)
    for patient in range(20):
        assert len(set(folds[patient * 3 : patient * 3 + 3])) == 1
    for fold in range(5):
        assert np.bincount(classes[folds == fold], minlength=2).tolist() == [6, 6]


@pytest.mark.timeout(600)
def test_train_modality_body_part_writes_a_bundle_that_answers(embedder, tmp_path):
    striped_set = make_striped_set(tmp_path)
    bundle = tmp_path / "bundle"
    said = []

    report = train_modality_body_part(
        data_dir=striped_set, bundle_dir=bundle, embedder=embedder, progress=said.append
    )

    assert (report.images, report.patients) == (30, 30)
    assert report.accuracy == 1.0
    assert report.temperature >= 1
    assert said
    head = LinearHead.load(bundle)
    assert head.labels == ("CT/CHEST", "MR/BRAIN")
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert metadata["eval_metrics"]["held_out_accuracy"] == 1.0
    card = (bundle / "docs" / "model_card.md").read_text()
    assert "| made here | CC0 | 30 |" in card
    # A second training over it replaces the bundle as a whole.
    train_modality_body_part(data_dir=striped_set, bundle_dir=bundle, embedder=embedder)
    assert np.array_equal(LinearHead.load(bundle).weights, head.weights)

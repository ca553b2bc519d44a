"""The shipped finding heads: small, honest, in shadow, and only where they were made for."""

from __future__ import annotations

import numpy as np
import pytest

from inference.bundles.scanning import scan_bundle
from inference.models import ModelVersion, RoutingRule
from inference.pipelines.bundle_metadata import check_metadata
from inference.pipelines.classifier import TrainedClassifier
from inference.runs.finding_heads import (
    NAMES,
    are_heads_registered,
    folder_of,
    is_detector_registered,
    register_detector,
    register_finding_heads,
)
from inference.training.finding_heads import FINDING_HEADS, find_head

LABELS = {
    "finding-cxr": ("covid19", "no_finding", "pneumonia"),
    "finding-brain-mr": ("glioma", "meningioma", "notumor", "pituitary"),
    "finding-breast-us": ("benign", "malignant", "normal"),
}


def test_heads_that_are_trained_are_those_that_are_shipped():
    assert {head.name for head in FINDING_HEADS} == set(NAMES) == set(LABELS)


@pytest.mark.parametrize("name", NAMES)
def test_head_is_small_holds_no_code_and_answers(name):
    folder = folder_of(name)

    assert sum(path.stat().st_size for path in folder.rglob("*")) < 60_000
    check_metadata(folder)
    assert not list(scan_bundle(folder))
    classifier = TrainedClassifier(folder)
    vectors = np.random.default_rng(0).normal(size=(4, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert classifier.facts.labels == LABELS[name]
    assert classifier.predict(vectors).sum(axis=1) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_card_says_what_its_figures_hide_and_where_images_are_from(name):
    card = (folder_of(name) / "docs" / "model_card.md").read_text(encoding="utf-8")
    head = find_head(name)

    assert head is not None
    assert head.hides in card
    assert "Not for diagnostic use" in card
    assert "| source | images |" in card
    assert "/work" not in card


@pytest.mark.django_db
def test_heads_are_registered_in_shadow_once_with_their_gates():
    assert not are_heads_registered()

    register_finding_heads()
    made = register_finding_heads()

    assert are_heads_registered()
    assert [version.state for version in made] == ["shadow"] * 3
    assert ModelVersion.objects.count() == RoutingRule.objects.count() == 3
    chest = ModelVersion.objects.get(name="finding-cxr")
    assert chest.inputs["modalities"] == ["CR", "DX"]
    assert chest.metrics["classes"][2]["label"] == "pneumonia"
    assert {one["scheme"] for one in chest.labels} == {"SCT"}
    assert "What the figures hide" in chest.card


@pytest.mark.django_db
def test_head_that_a_site_promoted_stays_promoted():
    register_finding_heads()
    ModelVersion.objects.filter(name="finding-cxr").update(state="active", bundle_path="/elsewhere")

    register_finding_heads()

    chest = ModelVersion.objects.get(name="finding-cxr")
    assert chest.state == "active"
    assert chest.bundle_path == str(folder_of("finding-cxr"))


@pytest.mark.django_db
def test_detector_is_registered_in_shadow_for_chest_ct():
    assert not is_detector_registered()

    register_detector()
    detector = register_detector()

    assert is_detector_registered()
    assert (detector.task, detector.state) == ("detect", "shadow")
    assert detector.pipeline == "heatmap_detector"
    assert detector.inputs["body_parts"] == ["CHEST"]
    assert 0 < detector.config["threshold"] < 1
    assert "phantoms only" in detector.card
    assert list(RoutingRule.objects.values_list("modalities", "minimum_instances")) == [(["CT"], 8)]

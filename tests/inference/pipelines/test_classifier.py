"""A bundle of a classifier trained here, read and asked without torch."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from inference.errors import BundleInvalidError, UnsupportedInputError
from inference.pipelines.classifier import TrainedClassifier, letterboxed, local_code, read_facts
from inference.runs.finding_heads import folder_of


@pytest.fixture
def bundle(tmp_path):
    return shutil.copytree(folder_of("finding-cxr"), tmp_path / "bundle")


def test_facts_are_those_of_the_bundle(bundle):
    facts = read_facts(bundle)

    assert (facts.kind, facts.space, facts.question) == ("vector", "lite0-b12-v1", "finding")
    assert facts.codes[2] == ("233604007", "SCT", "Pneumonia")


def test_label_without_a_code_is_coded_by_its_own_words(bundle):
    path = bundle / "configs" / "metadata.json"
    metadata = json.loads(path.read_text())
    metadata["twinsight"]["labels"] = []
    path.write_text(json.dumps(metadata))

    assert read_facts(bundle).codes[1] == ("no_finding", "99TWINSIGHT", "no finding")
    assert len(local_code("x" * 100)[0]) == 16
    assert local_code("effusion_of_the_left")[0] != local_code("effusion_of_the_right")[0]


@pytest.mark.parametrize("name", ["configs/metadata.json", "models/model.onnx"])
def test_damaged_bundle_is_refused(bundle, name):
    (bundle / name).write_bytes(b"{}")

    with pytest.raises(BundleInvalidError):
        TrainedClassifier(bundle)


@pytest.mark.parametrize("shape", [(2, 100), (0, 384)])
def test_inputs_that_do_not_fit_are_refused(bundle, shape):
    with pytest.raises(UnsupportedInputError):
        TrainedClassifier(bundle).predict(np.zeros(shape, dtype=np.float32))


def test_many_vectors_are_answered_in_their_order(bundle):
    classifier = TrainedClassifier(bundle)
    vectors = np.random.default_rng(0).normal(size=(40, 384)).astype(np.float32)

    together = classifier.predict(vectors)

    assert together.shape == (40, 3)
    assert together[37] == pytest.approx(classifier.predict(vectors[37:38])[0], abs=1e-6)


def test_image_keeps_its_proportions_on_black():
    picture = np.full((10, 20, 3), 200, dtype=np.uint8)

    square = letterboxed(picture, 40)

    assert square.shape == (40, 40)
    assert square[20, 20] == 200
    assert square[5, 20] == square[35, 20] == 0

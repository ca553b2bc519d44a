import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.errors import BundleInvalidError, UnsupportedInputError
from inference.pipelines.classification import (
    BODY_PART,
    HEADER_TRUST,
    MODALITY,
    LinearHead,
    classify_series,
    marginal,
)
from inference.pipelines.embedding import preprocess

BUNDLE = Path(__file__).resolve().parents[3] / "inference/bundles/data/modality_body_part"
LABELS = ("CT/ABDOMEN", "CT/HEAD", "DX/CHEST", "MR/HEAD")


def make_head(*, bias=(0.0, 0.0, 0.0, 0.0), temperature=1.0):
    weights = np.zeros((4, 384))
    weights[:, :4] = np.eye(4) * 10
    return LinearHead(LABELS, weights, np.array(bias, dtype=float), temperature)


def one_hot(index):
    vector = np.zeros((1, 384), dtype=np.float32)
    vector[0, index] = 1
    return vector


def test_predict_sums_to_one_and_prefers_the_matching_row():
    (row,) = make_head().predict(one_hot(2))
    assert sum(row.values()) == pytest.approx(1)
    assert max(row, key=row.get) == "DX/CHEST"


def test_predict_with_higher_temperature_is_less_sure():
    (sure,) = make_head().predict(one_hot(2))
    (modest,) = make_head(temperature=5.0).predict(one_hot(2))
    assert modest["DX/CHEST"] < sure["DX/CHEST"]


def test_predict_without_evidence_follows_the_header():
    nothing = np.zeros((1, 384), dtype=np.float32)
    (row,) = make_head().predict(nothing, modality="CT")
    sums = marginal(row, MODALITY)
    # Two of the four pairs are CT, so the prior counts twice for it.
    assert sums["CT"] == pytest.approx(2 * HEADER_TRUST / (2 * HEADER_TRUST + (1 - HEADER_TRUST)))


def test_predict_lets_strong_pixels_overrule_the_header():
    (row,) = make_head().predict(one_hot(3), modality="CT")
    assert max(row, key=row.get) == "MR/HEAD"


@pytest.mark.parametrize("modality", [None, "", "OT", "SC"])
def test_predict_ignores_a_silent_header(modality):
    head = make_head()
    assert head.predict(one_hot(0), modality=modality) == head.predict(one_hot(0))


def test_predict_takes_plates_for_radiographs():
    head = make_head()
    assert head.predict(one_hot(0), modality="CR") == head.predict(one_hot(0), modality="DX")


@pytest.mark.parametrize("modality", ["NM", "PT", "SM"])
def test_predict_refuses_a_modality_it_never_saw(modality):
    with pytest.raises(UnsupportedInputError, match=modality):
        make_head().predict(one_hot(0), modality=modality)


def test_predict_refuses_vectors_of_another_space():
    with pytest.raises(UnsupportedInputError):
        make_head().predict(np.zeros((1, 1280), dtype=np.float32))


def test_marginal_sums_pairs():
    row = {"CT/HEAD": 0.5, "MR/HEAD": 0.2, "CT/CHEST": 0.3}
    assert marginal(row, MODALITY) == pytest.approx({"CT": 0.8, "MR": 0.2})
    assert marginal(row, BODY_PART) == pytest.approx({"HEAD": 0.7, "CHEST": 0.3})


def test_classify_series_averages_over_its_images():
    vectors = np.concatenate([one_hot(0), one_hot(0), one_hot(3)])
    modality, body_part = classify_series(make_head(), vectors)
    assert (modality.kind, modality.label) == (MODALITY, "CT")
    assert (body_part.kind, body_part.label) == (BODY_PART, "ABDOMEN")
    assert modality.probability == pytest.approx(2 / 3, abs=0.01)


def test_classify_series_keeps_the_headers_word_for_a_radiograph():
    modality, _ = classify_series(make_head(), one_hot(2), modality="CR")
    assert modality.label == "CR"


def test_classify_series_without_images_is_refused():
    with pytest.raises(UnsupportedInputError):
        classify_series(make_head(), np.zeros((0, 384), dtype=np.float32))


def test_shipped_head_knows_its_pairs():
    head = LinearHead.load(BUNDLE)
    assert head.modalities == ("CT", "DX", "MR", "US")
    assert "CT/ABDOMEN" in head.labels
    assert head.temperature >= 1


def test_shipped_head_is_small_and_has_a_model_card():
    assert sum(path.stat().st_size for path in BUNDLE.rglob("*") if path.is_file()) < 64_000
    assert "CC BY-SA 4.0" in (BUNDLE / "docs" / "model_card.md").read_text("utf-8")


def test_shipped_head_on_real_images_with_their_header(embedder, shared_data):
    head = LinearHead.load(BUNDLE)
    expected = {
        "mednist_abdomenct": ("CT", "ABDOMEN"),
        "mr_brain_glioma": ("MR", "BRAIN"),
        "us_breast_benign": ("US", "BREAST"),
        "cxr_pneumonia": ("DX", "CHEST"),
    }
    for label, (modality, body_part) in expected.items():
        images = []
        for path in sorted((shared_data / "retrieval" / label).iterdir())[:4]:
            with Image.open(path) as opened:
                images.append(preprocess(np.asarray(opened.convert("L"))))
        answers = classify_series(head, embedder.embed(images), modality=modality)
        assert [one.label for one in answers] == [modality, body_part]


def broken_copy(tmp_path, change):
    copy = tmp_path / "head"
    shutil.copytree(BUNDLE, copy)
    change(copy)
    return copy


def change_metadata(**entries):
    def change(folder):
        path = folder / "configs" / "metadata.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | entries))

    return change


def pickled_weights(folder):
    np.savez(folder / "models" / "head.npz", weights=np.array([{}], dtype=object))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "models" / "head.npz").unlink(),
        lambda folder: (folder / "models" / "head.npz").write_bytes(b"PK\3\4 torn"),
        lambda folder: (folder / "configs" / "metadata.json").write_text("[]"),
        change_metadata(embedding_space="another"),
        change_metadata(network_data_format={"outputs": {"pred": {"channel_def": {"0": "X/Y"}}}}),
        pickled_weights,
    ],
)
def test_load_refuses_a_broken_bundle(tmp_path, change):
    with pytest.raises(BundleInvalidError):
        LinearHead.load(broken_copy(tmp_path, change))

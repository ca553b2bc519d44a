"""Texts placed among pictures by a model that brings an encoder for them."""

from __future__ import annotations

import numpy as np
import pytest

from inference.errors import ModelUnavailableError
from inference.similarity.services import search_similar
from inference.similarity.spaces import text_encoder
from inference.similarity.spaces.embedder import has_encoder
from inference.similarity.spaces.text_encoder import embed_text, has_text_encoder
from inference.similarity.types import ScoreKind, SimilarQuery
from tests.builders.text_models import write_text_model
from tests.builders.vectors import direction, make_case

pytestmark = pytest.mark.django_db

WORDS = {"nodule": direction(0.5), "fracture": direction(2.0)}


@pytest.fixture
def bundle(tmp_path):
    write_text_model(tmp_path / "bundle", WORDS)
    return tmp_path / "bundle"


@pytest.fixture
def reading_space(space, bundle):
    """A space whose model reads text."""
    version = space.model_version
    version.bundle_path = str(bundle)
    version.config = {"text_encoder": {"model": "text.onnx", "tokenizer": "tokenizer.json"}}
    version.save()
    return space


def test_a_space_says_whether_it_reads_text(reading_space, bundle):
    assert has_text_encoder(reading_space)

    (bundle / "tokenizer.json").unlink()
    assert not has_text_encoder(reading_space)


@pytest.mark.parametrize("config", [{}, {"text_encoder": True}, {"text_encoder": None}, []])
def test_a_model_that_says_nothing_of_text_reads_none(reading_space, config):
    reading_space.model_version.config = config

    assert not has_text_encoder(reading_space)


def test_the_encoder_of_pictures_lies_beside_that_of_texts(reading_space, bundle):
    assert not has_encoder(reading_space)

    (bundle / "picture.onnx").write_bytes(b"weights")
    assert has_encoder(reading_space)


def test_without_the_tokenizers_package_no_space_reads_text(reading_space, monkeypatch):
    monkeypatch.setattr(text_encoder.importlib.util, "find_spec", lambda name: None)

    assert not has_text_encoder(reading_space)


def test_files_outside_of_the_bundle_are_never_read(reading_space):
    stated = {"model": "../../text.onnx", "tokenizer": "/etc/passwd"}
    reading_space.model_version.config = {"text_encoder": stated}

    assert not has_text_encoder(reading_space)


@pytest.mark.parametrize("is_pooled", [True, False])
def test_a_text_has_a_vector_of_length_one(reading_space, bundle, is_pooled):
    write_text_model(bundle, WORDS, is_pooled=is_pooled)

    vector = embed_text(reading_space, "Nodule")

    assert vector == pytest.approx(direction(0.5), abs=1e-5)


def test_long_texts_are_cut_at_the_limit_of_the_model(reading_space):
    version = reading_space.model_version
    version.config = {"text_encoder": {"max_tokens": 2}}

    cut = embed_text(reading_space, "nodule nodule " + "fracture " * 100)

    assert cut == pytest.approx(direction(0.5), abs=1e-5)


def test_a_model_of_another_dimension_is_unavailable(reading_space, bundle):
    write_text_model(bundle, {"nodule": direction(0, dimension=5)})

    with pytest.raises(ModelUnavailableError):
        embed_text(reading_space, "nodule")


@pytest.mark.parametrize("name", ["text.onnx", "tokenizer.json"])
def test_a_damaged_model_is_unavailable(reading_space, bundle, name):
    (bundle / name).write_bytes(b"nothing of the kind")

    with pytest.raises(ModelUnavailableError):
        embed_text(reading_space, "nodule")


def test_a_space_without_an_encoder_has_none_to_ask(space):
    with pytest.raises(ModelUnavailableError):
        embed_text(space, "nodule")


def test_text_finds_what_looks_like_it(radiologist, reading_space, project):
    """Nobody has said a word of these cases: their looks alone are near to the text."""
    far = make_case(reading_space, [direction(2.0)], projects=[project])
    near = make_case(reading_space, [direction(0.6)], projects=[project])

    answer = search_similar(radiologist, SimilarQuery(text="nodule"))

    assert [result.series_uid for result in answer.results] == [
        near.series_instance_uid,
        far.series_instance_uid,
    ]
    assert {result.matched_by for result in answer.results} == {("text",)}
    assert {result.score_kind for result in answer.results} == {ScoreKind.RRF}


def test_feedback_moves_a_text(radiologist, reading_space, project):
    left, right = (
        make_case(reading_space, [direction(0.5 + turn)], projects=[project])
        for turn in (0.3, -0.3)
    )
    example = make_case(reading_space, [direction(0.9)], projects=[project])
    query = SimilarQuery(text="nodule", positive=(example.instances.get().sop_instance_uid,))

    answer = search_similar(radiologist, query)

    order = [result.series_uid for result in answer.results]
    assert order.index(left.series_instance_uid) < order.index(right.series_instance_uid)


def test_a_text_beside_a_stored_object_is_a_part_of_its_own(radiologist, reading_space, project):
    asked = make_case(reading_space, [direction(np.pi)], projects=[project])
    for angle in (0.5, 3.0):
        make_case(reading_space, [direction(angle)], projects=[project])

    answer = search_similar(
        radiologist, SimilarQuery(series=asked.series_instance_uid, text="nodule")
    )

    assert {result.matched_by for result in answer.results} == {("series", "text")}

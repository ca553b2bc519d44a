"""What our own models say and measure has words in every language; what others say stays."""

import json
from pathlib import Path

import pytest
from django.utils.translation import override

from inference import bundles
from inference.pipelines.brain import SEGMENTS as BRAIN
from inference.pipelines.extents import _INTENSITIES, LONG_AXIS, MEAN
from inference.pipelines.measuring import VOLUME
from inference.pipelines.segment_codes import _KNOWN
from inference.pipelines.segmentation import SEGMENTS as BODY
from inference.portal.finding_words import (
    answers_in_words,
    class_name,
    label_name,
    measured,
    measurement_name,
    question_name,
    shares_in_words,
    statement_words,
    written_unit,
    written_value,
)

LANGUAGES = ["de", "es", "zh-hans"]
# The same word in these languages.
ALIKE = {"COVID-19", "Normal", "Tumor", "Hand", "Abdomen"}


def _own_classes() -> set[str]:
    """Return what the bundles of the distribution answer with."""
    found = set()
    for path in (Path(bundles.__file__).parent / "data").glob("*/configs/metadata.json"):
        said = json.loads(path.read_text(encoding="utf-8"))
        found |= {one["name"] for one in said.get("twinsight", {}).get("labels", ())}
        outputs = said["network_data_format"]["outputs"]["pred"]
        if outputs["format"] == "classes":
            classes = outputs["channel_def"].values()
            # Of two questions at once: codes of modalities, and body parts.
            found |= {one.partition("/")[2] or one for one in classes}
    return found


def _own_measurements() -> set[str]:
    means = {f"{MEAN[2]} {name[2]}" for name, _unit in _INTENSITIES.values()}
    return {VOLUME[2], LONG_AXIS[2], *means}


def test_classes_are_found_at_all() -> None:
    assert {"glioma", "no_finding", "lung nodule", "CSF", "CHEST"} <= _own_classes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_class_and_structure_of_ours_is_translated(language: str) -> None:
    own = _own_classes() | {one.label for one in (*BRAIN, *BODY)} | set(_KNOWN)
    with override("en"):
        english = {one: label_name(one) for one in own}
    with override(language):
        same = {one for one in own if label_name(one) == english[one]}

    assert {english[one] for one in same} <= ALIKE | {"Glioma", "Meningioma", "Pancreas"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_measurement_of_ours_is_translated(language: str) -> None:
    with override("en"):
        english = {one: measurement_name(one) for one in _own_measurements()}
    with override(language):
        assert [one for one in english if measurement_name(one) == english[one]] == []


def test_what_other_models_say_stays_as_it_is() -> None:
    with override("de"):
        assert label_name("left_adrenal_gland") == "Left adrenal gland"
        assert class_name("finding", "cardiomegaly") == "Cardiomegaly"
        assert class_name("modality", "MR") == "MR"
        assert measurement_name("Surface roughness") == "Surface roughness"


def test_an_organ_as_a_class_is_never_told_as_its_tumour() -> None:
    with override("de"):
        assert class_name("finding", "pituitary") == "Hypophyse"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "White matter volume"),
        ("de", "Weiße Substanz: Volumen"),
        ("es", "Sustancia blanca: volumen"),
    ],
)
def test_what_was_measured_of_which_structure_is_one_name(language: str, words: str) -> None:
    with override(language):
        assert measured("White matter", "Volume") == words
        assert statement_words("White matter Volume") == words


def test_names_without_words_of_their_own_are_written_like_names() -> None:
    assert question_name("bone_age") == "Bone age"
    assert label_name("CSF") == "CSF"
    assert measured("", "Volume") == "Volume"
    assert written_unit("[hnsf'U]") == "HU"
    assert [written_value(one) for one in (None, 1.234, 12.34, 1234.5)] == [
        "", "1.23", "12.3", "1\N{NARROW NO-BREAK SPACE}234",
    ]  # fmt: skip


def test_marks_in_the_viewer_find_their_words_in_lower_case() -> None:
    with override("de"):
        words = answers_in_words()

    assert (words["lung nodule"], words["no finding"]) == ("Lungenrundherd", "kein Befund")
    assert words["chest"] == "Thorax"
    assert all(key == key.lower() for key in words)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("glioma 0.00, notumor 0.82.", "Gliom 0 %, Kein Tumor 82 %"),
        ("Nothing was found in 0.5.", "Nothing was found in 0.5."),
        ("", ""),
        ("glioma 0.00, notum", "glioma 0.00, notum"),
    ],
)
def test_how_sure_a_classifier_is_of_each_class_is_told_in_words(message: str, words: str) -> None:
    with override("de"):
        assert shares_in_words(message) == words
